# SPDX-License-Identifier: Apache-2.0
"""What is refused in a new object of each kind: the field that is named, for one change of a good object."""

from typing import Any

import pytest

from tests.support.minimal_objects import LABELS, TEMPLATE, Key
from tests.support.registry_objects import created, resource

Json = dict[str, Any]

PODS, SERVICES, SECRETS = ("", "v1", "pods"), ("", "v1", "services"), ("", "v1", "secrets")
CONFIGMAPS, NODES, EVENTS = ("", "v1", "configmaps"), ("", "v1", "nodes"), ("", "v1", "events")
CLAIMS, VOLUMES = ("", "v1", "persistentvolumeclaims"), ("", "v1", "persistentvolumes")
LIMITS, QUOTAS = ("", "v1", "limitranges"), ("", "v1", "resourcequotas")
ENDPOINTS, CONTROLLERS = ("", "v1", "endpoints"), ("", "v1", "replicationcontrollers")
DEPLOYMENTS, STATEFULSETS, DAEMONSETS = (
    ("apps", "v1", name) for name in ("deployments", "statefulsets", "daemonsets")
)
JOBS, CRONJOBS = ("batch", "v1", "jobs"), ("batch", "v1", "cronjobs")
HPA: Key = ("autoscaling", "v2", "horizontalpodautoscalers")
INGRESSES, CLASSES, POLICIES = (
    ("networking.k8s.io", "v1", name) for name in ("ingresses", "ingressclasses", "networkpolicies")
)
BUDGETS: Key = ("policy", "v1", "poddisruptionbudgets")
ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS = (
    ("rbac.authorization.k8s.io", "v1", name)
    for name in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)
REQUESTS: Key = ("certificates.k8s.io", "v1", "certificatesigningrequests")
SLICES: Key = ("discovery.k8s.io", "v1", "endpointslices")
NEW_EVENTS: Key = ("events.k8s.io", "v1", "events")
PRIORITIES: Key = ("scheduling.k8s.io", "v1", "priorityclasses")
LEASES: Key = ("coordination.k8s.io", "v1", "leases")

CONTAINER = "spec__containers__0__"
PORT: Json = {"port": 80}
BACKEND: Json = {"service": {"name": "web", "port": {"number": 80}}}


def rule(**path: Any) -> list[Json]:
    return [
        {
            "host": "a.example",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND, **path}]},
        }
    ]


# kind, changes, the first field that is named
REFUSED: list[tuple[Key, Json, str]] = [
    (CONFIGMAPS, {"data": {"a b": "c"}}, "data[a b]"),
    (CONFIGMAPS, {"data": {"..": "c"}}, "data[..]"),
    (CONFIGMAPS, {"binaryData": {"a": ""}}, "binaryData.a"),
    (CONFIGMAPS, {"data": {"a": "x" * (1 << 20), "b": "y"}}, "data"),
    (SECRETS, {"data": {"a": "not base64!"}}, "data.a"),
    (SECRETS, {"type": "kubernetes.io/tls"}, "data[tls.crt]"),
    (SECRETS, {"type": "kubernetes.io/basic-auth"}, "data.username"),
    (SECRETS, {"type": "kubernetes.io/ssh-auth"}, "data.ssh-privatekey"),
    (
        SECRETS,
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "Yg=="}},
        "data[.dockerconfigjson]",
    ),
    (
        SECRETS,
        {"type": "kubernetes.io/service-account-token"},
        "metadata.annotations[kubernetes.io/service-account.name]",
    ),
    (PODS, {"spec": None}, "spec"),
    (PODS, {"spec__containers": []}, "spec.containers"),
    (PODS, {f"{CONTAINER}name": "A"}, "spec.containers[0].name"),
    (PODS, {f"{CONTAINER}resources": {"limits": {"cpu": "-1"}}}, "spec.containers[0].resources.limits.cpu"),
    (
        PODS,
        {f"{CONTAINER}volumeMounts": [{"name": "a", "mountPath": "/a"}]},
        "spec.containers[0].volumeMounts[0].name",
    ),
    (
        PODS,
        {"spec__volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        "spec.volumes[0].hostPath",
    ),
    (PODS, {"spec__volumes": [{"name": "a"}, {"name": "a"}]}, "spec.volumes[1].name"),
    (PODS, {f"{CONTAINER}livenessProbe": {}}, "spec.containers[0].livenessProbe"),
    (
        PODS,
        {f"{CONTAINER}livenessProbe": {"exec": {}, "httpGet": {"port": 80}}},
        "spec.containers[0].livenessProbe.httpGet",
    ),
    (
        PODS,
        {f"{CONTAINER}livenessProbe": {"httpGet": {"port": 0}}},
        "spec.containers[0].livenessProbe.httpGet.port",
    ),
    (
        PODS,
        {f"{CONTAINER}startupProbe": {"exec": {}, "successThreshold": 2}},
        "spec.containers[0].startupProbe.successThreshold",
    ),
    (PODS, {f"{CONTAINER}lifecycle": {"preStop": {}}}, "spec.containers[0].lifecycle.preStop"),
    (PODS, {"spec__tolerations": [{"operator": "Equal"}]}, "spec.tolerations[0].operator"),
    (PODS, {"spec__tolerations": [{"key": "a", "effect": "Never"}]}, "spec.tolerations[0].effect"),
    (PODS, {"spec__tolerations": [{"key": "a", "tolerationSeconds": 1}]}, "spec.tolerations[0].effect"),
    (PODS, {"spec__nodeSelector": {"a b": "c"}}, "spec.nodeSelector[a b]"),
    (PODS, {"spec__activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds"),
    (PODS, {"spec__hostAliases": [{"ip": "a"}]}, "spec.hostAliases[0].ip"),
    (
        PODS,
        {
            f"{CONTAINER}ports": [{"containerPort": 80, "hostPort": 80}],
            "spec__containers__0__name": "a",
            "spec__hostNetwork": True,
            f"{CONTAINER}image": "a ",
        },
        "spec.containers[0].image",
    ),
    (
        PODS,
        {f"{CONTAINER}ports": [{"containerPort": 80, "hostPort": 81}, {"containerPort": 82, "hostPort": 81}]},
        "spec.containers[0].ports[1].hostPort",
    ),
    (
        PODS,
        {"spec__hostNetwork": True, f"{CONTAINER}ports": [{"containerPort": 80, "hostPort": 81}]},
        "spec.containers[0].ports[0].hostPort",
    ),
    (
        PODS,
        {
            "spec__topologySpreadConstraints": [
                {"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}
            ]
        },
        "spec.topologySpreadConstraints[0].maxSkew",
    ),
    (SERVICES, {"spec__ports": []}, "spec.ports"),
    (SERVICES, {"spec__ports": [{"port": 0}]}, "spec.ports[0].port"),
    (SERVICES, {"spec__ports": [{"port": 80, "protocol": "ICMP"}]}, "spec.ports[0].protocol"),
    (SERVICES, {"spec__ports": [{"port": 80, "targetPort": "UPPER"}]}, "spec.ports[0].targetPort"),
    (SERVICES, {"spec__ports": [PORT, {"port": 81}]}, "spec.ports[0].name"),
    (SERVICES, {"spec__ports": [{**PORT, "name": "a"}, {"port": 81, "name": "a"}]}, "spec.ports[1].name"),
    (SERVICES, {"spec__ports": [{**PORT, "name": "a"}, {**PORT, "name": "b"}]}, "spec.ports[1]"),
    (SERVICES, {"spec__ports": [{**PORT, "nodePort": 30080}]}, "spec.ports[0].nodePort"),
    (
        SERVICES,
        {
            "spec__type": "NodePort",
            "spec__ports": [{"port": p, "name": f"p{p}", "nodePort": 30080} for p in (80, 81)],
        },
        "spec.ports[1].nodePort",
    ),
    (SERVICES, {"spec__type": "Magic"}, "spec.type"),
    (SERVICES, {"spec__type": "ExternalName"}, "spec.externalName"),
    (
        SERVICES,
        {"spec__type": "ExternalName", "spec__externalName": "a", "spec__clusterIP": "10.0.0.1"},
        "spec.clusterIP",
    ),
    (SERVICES, {"spec__type": "NodePort", "spec__clusterIP": "None"}, "spec.clusterIPs[0]"),
    (SERVICES, {"spec__clusterIP": "10.0.0.300"}, "spec.clusterIPs[0]"),
    (SERVICES, {"spec__clusterIP": "10.0.0.1", "spec__clusterIPs": ["10.0.0.2"]}, "spec.clusterIP"),
    (SERVICES, {"spec__ipFamilies": ["IPv4", "IPv4"]}, "spec.ipFamilies"),
    (SERVICES, {"spec__ipFamilies": ["IPv5"]}, "spec.ipFamilies[0]"),
    (SERVICES, {"spec__ipFamilyPolicy": "Both"}, "spec.ipFamilyPolicy"),
    (SERVICES, {"spec__externalIPs": ["a"]}, "spec.externalIPs[0]"),
    (SERVICES, {"spec__sessionAffinity": "Cookie"}, "spec.sessionAffinity"),
    (
        SERVICES,
        {
            "spec__sessionAffinity": "ClientIP",
            "spec__sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 90000}},
        },
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
    ),
    (SERVICES, {"spec__externalTrafficPolicy": "Local"}, "spec.externalTrafficPolicy"),
    (SERVICES, {"spec__loadBalancerSourceRanges": ["10.0.0.0/8"]}, "spec.loadBalancerSourceRanges"),
    (
        SERVICES,
        {"spec__type": "LoadBalancer", "spec__loadBalancerSourceRanges": ["10.0.0.0"]},
        "spec.loadBalancerSourceRanges[0]",
    ),
    (SERVICES, {"spec__healthCheckNodePort": 30000}, "spec.healthCheckNodePort"),
    (SERVICES, {"spec__selector": {"a b": "c"}}, "spec.selector[a b]"),
    (ENDPOINTS, {"subsets__0__addresses": [{"ip": "127.0.0.1"}]}, "subsets[0].addresses[0].ip"),
    (ENDPOINTS, {"subsets__0__ports": [PORT, {"port": 81}]}, "subsets[0].ports[0].name"),
    (NODES, {"spec__taints": [{"key": "a", "effect": "Never"}]}, "spec.taints[0].effect"),
    (NODES, {"spec__taints": [{"key": "a", "effect": "NoExecute"}] * 2}, "spec.taints[1]"),
    (NODES, {"spec__podCIDRs": ["10.0.0.0"]}, "spec.podCIDRs[0]"),
    (NODES, {"spec__podCIDRs": ["10.0.0.0/24"], "spec__podCIDR": "10.1.0.0/24"}, "spec.podCIDR"),
    (EVENTS, {"involvedObject__namespace": "other"}, "involvedObject.namespace"),
    (NEW_EVENTS, {"reportingController": None}, "reportingController"),
    (NEW_EVENTS, {"type": "Odd"}, "type"),
    (NEW_EVENTS, {"eventTime": None}, "eventTime"),
    (NEW_EVENTS, {"note": "x" * 1025}, "note"),
    (NEW_EVENTS, {"action": "x" * 129}, "action"),
    (CLAIMS, {"spec__accessModes": []}, "spec.accessModes"),
    (CLAIMS, {"spec__accessModes": ["ReadSometimes"]}, "spec.accessModes[0]"),
    (CLAIMS, {"spec__accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}, "spec.accessModes"),
    (CLAIMS, {"spec__resources": None}, "spec.resources.requests.storage"),
    (CLAIMS, {"spec__resources__requests__storage": "0"}, "spec.resources.requests.storage"),
    (CLAIMS, {"spec__resources__requests__storage": "much"}, "spec.resources.requests.storage"),
    (VOLUMES, {"spec__capacity": {}}, "spec.capacity.storage"),
    (VOLUMES, {"spec__hostPath": None}, "spec"),
    (VOLUMES, {"spec__nfs": {"server": "a", "path": "/"}}, "spec.nfs"),
    (VOLUMES, {"spec__hostPath": None, "spec__local": {"path": "/a"}}, "spec.nodeAffinity"),
    (VOLUMES, {"spec__persistentVolumeReclaimPolicy": "Burn"}, "spec.persistentVolumeReclaimPolicy"),
    (LIMITS, {"spec__limits__0__min": {"cpu": "2"}}, "spec.limits[0].min.cpu"),
    (LIMITS, {"spec__limits": [{"type": "Pod"}] * 2}, "spec.limits[1].type"),
    (LIMITS, {"spec__limits": [{"type": "Pod", "default": {"cpu": "1"}}]}, "spec.limits[0].default"),
    (QUOTAS, {"spec__hard": {"pods": "-1"}}, "spec.hard.pods"),
    (QUOTAS, {"spec__scopes": ["Mine"]}, "spec.scopes[0]"),
    (CONTROLLERS, {"spec__selector": {"a": "b"}}, "spec.template.metadata.labels"),
    (DEPLOYMENTS, {"spec__selector": None}, "spec.selector"),
    (DEPLOYMENTS, {"spec__selector": {"matchLabels": {}}}, "spec.selector"),
    (DEPLOYMENTS, {"spec__selector__matchLabels": {"a": "b"}}, "spec.template.metadata.labels"),
    (
        DEPLOYMENTS,
        {"spec__selector__matchExpressions": [{"key": "app", "operator": "Likes"}]},
        "spec.selector.matchExpressions[0].operator",
    ),
    (
        DEPLOYMENTS,
        {"spec__selector__matchExpressions": [{"key": "app", "operator": "In"}]},
        "spec.selector.matchExpressions[0].values",
    ),
    (DEPLOYMENTS, {"spec__replicas": -1}, "spec.replicas"),
    (DEPLOYMENTS, {"spec__template__spec__restartPolicy": "Never"}, "spec.template.spec.restartPolicy"),
    (DEPLOYMENTS, {"spec__template__spec__containers": []}, "spec.template.spec.containers"),
    (DEPLOYMENTS, {"spec__template": {"metadata": {"labels": LABELS}}}, "spec.template.spec"),
    (DEPLOYMENTS, {"spec__strategy": {"type": "Magic"}}, "spec.strategy.type"),
    (
        DEPLOYMENTS,
        {"spec__strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
        "spec.strategy.rollingUpdate",
    ),
    (
        DEPLOYMENTS,
        {"spec__strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}},
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    (
        DEPLOYMENTS,
        {"spec__strategy": {"rollingUpdate": {"maxUnavailable": "many"}}},
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    (DEPLOYMENTS, {"spec__minReadySeconds": 600}, "spec.progressDeadlineSeconds"),
    (STATEFULSETS, {"spec__podManagementPolicy": "Chaos"}, "spec.podManagementPolicy"),
    (STATEFULSETS, {"spec__updateStrategy": {"type": "Never"}}, "spec.updateStrategy.type"),
    (
        STATEFULSETS,
        {"spec__updateStrategy": {"rollingUpdate": {"partition": -1}}},
        "spec.updateStrategy.rollingUpdate.partition",
    ),
    (
        DAEMONSETS,
        {"spec__updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}},
        "spec.updateStrategy.rollingUpdate.maxUnavailable",
    ),
    (JOBS, {"spec__template__spec__restartPolicy": "Always"}, "spec.template.spec.restartPolicy"),
    (JOBS, {"spec__parallelism": -1}, "spec.parallelism"),
    (JOBS, {"spec__completionMode": "Indexed", "spec__parallelism": 2}, "spec.completions"),
    (JOBS, {"spec__manualSelector": True}, "spec.selector"),
    (CRONJOBS, {"spec__schedule": "* * * *"}, "spec.schedule"),
    (CRONJOBS, {"spec__schedule": "TZ=UTC * * * * *"}, "spec.schedule"),
    (CRONJOBS, {"spec__timeZone": "Mars/Olympus"}, "spec.timeZone"),
    (CRONJOBS, {"spec__concurrencyPolicy": "Maybe"}, "spec.concurrencyPolicy"),
    (CRONJOBS, {"metadata__name": "x" * 53}, "metadata.name"),
    (
        CRONJOBS,
        {"spec__jobTemplate__spec__template__spec__restartPolicy": "Always"},
        "spec.jobTemplate.spec.template.spec.restartPolicy",
    ),
    (HPA, {"spec__maxReplicas": 0}, "spec.maxReplicas"),
    (HPA, {"spec__minReplicas": 5}, "spec.maxReplicas"),
    (HPA, {"spec__metrics": [{"type": "Feeling"}]}, "spec.metrics[0].type"),
    (HPA, {"spec__metrics": [{"type": "Pods"}]}, "spec.metrics[0].pods"),
    (
        HPA,
        {"spec__metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Value"}}}]},
        "spec.metrics[0].resource.target.value",
    ),
    (INGRESSES, {"spec__defaultBackend": None}, "spec"),
    (INGRESSES, {"spec__defaultBackend": {}}, "spec.defaultBackend"),
    (INGRESSES, {"spec__defaultBackend": {"service": {"name": "web"}}}, "spec.defaultBackend.service.port"),
    (INGRESSES, {"spec__rules": rule(path="a")}, "spec.rules[0].http.paths[0].path"),
    (INGRESSES, {"spec__rules": rule(path="/../a")}, "spec.rules[0].http.paths[0].path"),
    (INGRESSES, {"spec__rules": rule(pathType="Regex")}, "spec.rules[0].http.paths[0].pathType"),
    (INGRESSES, {"spec__rules": [{"host": "10.0.0.1"}]}, "spec.rules[0].host"),
    (INGRESSES, {"spec__rules": [{"host": "a.*.example"}]}, "spec.rules[0].host"),
    (INGRESSES, {"spec__tls": [{"hosts": ["A"]}]}, "spec.tls[0].hosts[0]"),
    (CLASSES, {"spec__controller": "ingress"}, "spec.controller"),
    (
        CLASSES,
        {"spec__parameters": {"kind": "A", "name": "a", "scope": "Namespace"}},
        "spec.parameters.namespace",
    ),
    (POLICIES, {"spec__policyTypes": ["Sideways"]}, "spec.policyTypes[0]"),
    (POLICIES, {"spec__ingress": [{"from": [{}]}]}, "spec.ingress[0].from[0]"),
    (
        POLICIES,
        {"spec__ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
        "spec.ingress[0].from[0]",
    ),
    (
        POLICIES,
        {"spec__egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]},
        "spec.egress[0].to[0].ipBlock.except[0]",
    ),
    (
        POLICIES,
        {"spec__egress": [{"ports": [{"port": 80, "endPort": 70}]}]},
        "spec.egress[0].ports[0].endPort",
    ),
    (
        POLICIES,
        {"spec__egress": [{"ports": [{"port": "web", "endPort": 70}]}]},
        "spec.egress[0].ports[0].port",
    ),
    (BUDGETS, {"spec__maxUnavailable": 1}, "spec"),
    (BUDGETS, {"spec__minAvailable": "101%"}, "spec.minAvailable"),
    (ROLES, {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]}, "rules[0].verbs"),
    (ROLES, {"rules": [{"resources": ["pods"], "verbs": ["get"]}]}, "rules[0].apiGroups"),
    (ROLES, {"rules": [{"nonResourceURLs": ["/a"], "verbs": ["get"]}]}, "rules[0].nonResourceURLs"),
    (
        CLUSTER_ROLES,
        {"rules": [{"nonResourceURLs": ["/a"], "resources": ["pods"], "verbs": ["get"]}]},
        "rules[0].nonResourceURLs",
    ),
    (CLUSTER_ROLES, {"aggregationRule": {}}, "aggregationRule.clusterRoleSelectors"),
    (BINDINGS, {"roleRef__kind": "User"}, "roleRef.kind"),
    (BINDINGS, {"subjects": [{"kind": "Robot", "name": "a"}]}, "subjects[0].kind"),
    (BINDINGS, {"subjects": [{"kind": "ServiceAccount", "name": "a"}]}, "subjects[0].namespace"),
    (CLUSTER_BINDINGS, {"roleRef__kind": "Role"}, "roleRef.kind"),
    (REQUESTS, {"spec__request": "AAAA"}, "spec.request"),
    (REQUESTS, {"spec__signerName": "mine"}, "spec.signerName"),
    (REQUESTS, {"spec__usages": ["anything"]}, "spec.usages[0]"),
    (REQUESTS, {"spec__expirationSeconds": 10}, "spec.expirationSeconds"),
    (SLICES, {"addressType": "MAC"}, "addressType"),
    (SLICES, {"addressType": "IPv6"}, "endpoints[0].addresses[0]"),
    (SLICES, {"endpoints": [{"addresses": []}]}, "endpoints[0].addresses"),
    (SLICES, {"endpoints": [{"addresses": ["10.0.0.1"]}] * 1001}, "endpoints"),
    (SLICES, {"ports": [PORT, {"port": 81}]}, "ports[1].name"),
    (PRIORITIES, {"value": 2_000_000_000}, "value"),
    (PRIORITIES, {"metadata__name": "system-mine"}, "metadata.name"),
    (LEASES, {"spec__leaseDurationSeconds": 0}, "spec.leaseDurationSeconds"),
    (("node.k8s.io", "v1", "runtimeclasses"), {"handler": "A"}, "handler"),
    (
        ("node.k8s.io", "v1", "runtimeclasses"),
        {"overhead": {"podFixed": {"cpu": "x"}}},
        "overhead.podFixed.cpu",
    ),
    (("storage.k8s.io", "v1", "storageclasses"), {"reclaimPolicy": "Burn"}, "reclaimPolicy"),
    (("storage.k8s.io", "v1", "storageclasses"), {"provisioner": ""}, "provisioner"),
    (("storage.k8s.io", "v1", "csidrivers"), {"spec__fsGroupPolicy": "Never"}, "spec.fsGroupPolicy"),
    (
        ("storage.k8s.io", "v1", "csinodes"),
        {"spec__drivers": [{"name": "a", "nodeID": ""}]},
        "spec.drivers[0].nodeID",
    ),
    (("storage.k8s.io", "v1", "csistoragecapacities"), {"capacity": "x"}, "capacity"),
    (("storage.k8s.io", "v1", "volumeattachments"), {"spec__source": {}}, "spec.source"),
    (("apps", "v1", "controllerrevisions"), {"revision": -1}, "revision"),
    (("", "v1", "podtemplates"), {"template__spec__containers": []}, "template.spec.containers"),
]


@pytest.mark.parametrize(("key", "changes", "field"), REFUSED)
def test_refused(key: Key, changes: Json, field: str) -> None:
    causes = list(resource(key).strategy.validate(created(key, **changes)))
    assert field in [cause.field for cause in causes]
    assert all(cause.reason.startswith("FieldValue") and cause.message for cause in causes)


# kind, changes
ACCEPTED: list[tuple[Key, Json]] = [
    (PODS, {"spec__tolerations": [{"operator": "Exists"}]}),
    (PODS, {"spec__hostNetwork": True, f"{CONTAINER}ports": [{"containerPort": 80}]}),
    (PODS, {f"{CONTAINER}livenessProbe": {"httpGet": {"port": "web"}}}),
    (SERVICES, {"spec__clusterIP": "None", "spec__ports": []}),
    (SERVICES, {"spec__type": "ExternalName", "spec__externalName": "a.example.", "spec__ports": []}),
    (SERVICES, {"spec__type": "NodePort", "spec__ports": [{**PORT, "nodePort": 30080}]}),
    (SERVICES, {"spec__ports": [{**PORT, "name": "a"}, {**PORT, "name": "b", "protocol": "UDP"}]}),
    (SERVICES, {"spec__clusterIP": "10.0.0.1", "spec__clusterIPs": ["10.0.0.1", "fd00::1"]}),
    (
        SERVICES,
        {
            "spec__type": "LoadBalancer",
            "spec__externalTrafficPolicy": "Local",
            "spec__healthCheckNodePort": 30000,
        },
    ),
    (SERVICES, {"spec__externalIPs": ["10.9.9.9"], "spec__externalTrafficPolicy": "Local"}),
    (DEPLOYMENTS, {"spec__strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}),
    (STATEFULSETS, {"spec__updateStrategy": {"type": "OnDelete"}}),
    (DAEMONSETS, {"spec__updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
    (JOBS, {"spec__completionMode": "Indexed", "spec__completions": 2}),
    (
        JOBS,
        {
            "spec__manualSelector": True,
            "spec__selector": {"matchLabels": LABELS},
            "spec__template__metadata": TEMPLATE["metadata"],
        },
    ),
    (CRONJOBS, {"spec__schedule": "@every 1h30m"}),
    (CRONJOBS, {"spec__timeZone": "UTC"}),
    (INGRESSES, {"spec__rules": rule()}),
    (INGRESSES, {"spec__rules": [{"host": "*.example"}]}),
    (CLUSTER_ROLES, {"rules": None, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": LABELS}]}}),
    (EVENTS, {"involvedObject": {"kind": "Node", "name": "node1"}}),
    (PRIORITIES, {"metadata__name": "system-node-critical", "value": 2_000_001_000}),
    (SLICES, {"addressType": "FQDN", "endpoints": [{"addresses": ["a.example"]}]}),
    (
        VOLUMES,
        {"spec__hostPath": None, "spec__local": {"path": "/a"}, "spec__nodeAffinity": {"required": {}}},
    ),
]


@pytest.mark.parametrize(("key", "changes"), ACCEPTED)
def test_accepted(key: Key, changes: Json) -> None:
    assert list(resource(key).strategy.validate(created(key, **changes))) == []


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (SERVICES, "a-1", "1-a"),
        (("", "v1", "namespaces"), "1-a", "a.b"),
        (ROLES, "system:node", "a/b"),
        (CONFIGMAPS, "a.b", "A"),
        (STATEFULSETS, "web", "a.b"),
    ],
)
def test_names(key: Key, good: str, bad: str) -> None:
    rule = resource(key).strategy.name_rule
    assert rule.check(("metadata", "name"), good) == []
    assert rule.check(("metadata", "name"), bad) != []
