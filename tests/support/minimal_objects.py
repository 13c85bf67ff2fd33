# SPDX-License-Identifier: Apache-2.0
"""The least that can be created of every kind that the control plane stores, by (group, version, plural)."""

from base64 import b64encode
from copy import deepcopy
from typing import Any, Final

Json = dict[str, Any]
Key = tuple[str, str, str]

LABELS: Final = {"app": "web"}
TEMPLATE: Final = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "main", "image": "docker.io/local/busybox:1"}]},
}
JOB_TEMPLATE: Final = {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
WORKLOAD: Final = {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}}
ROLE_REF: Final = {"kind": "ClusterRole", "name": "view"}
PEM: Final = b64encode(
    b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"
).decode()

_CONTENT: Final[dict[Key, Json]] = {
    ("", "v1", "configmaps"): {"data": {"a": "b"}},
    ("", "v1", "endpoints"): {"subsets": [{"addresses": [{"ip": "10.244.1.2"}], "ports": [{"port": 80}]}]},
    ("", "v1", "events"): {"involvedObject": {"kind": "Pod", "name": "web", "namespace": "default"}},
    ("", "v1", "limitranges"): {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
    ("", "v1", "namespaces"): {},
    ("", "v1", "nodes"): {},
    ("", "v1", "persistentvolumeclaims"): {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    ("", "v1", "persistentvolumes"): {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/srv"},
        }
    },
    ("", "v1", "pods"): {"spec": TEMPLATE["spec"]},
    ("", "v1", "podtemplates"): {"template": TEMPLATE},
    ("", "v1", "replicationcontrollers"): {"spec": {"template": TEMPLATE}},
    ("", "v1", "resourcequotas"): {"spec": {"hard": {"pods": "10"}}},
    ("", "v1", "secrets"): {"data": {"a": "Yg=="}},
    ("", "v1", "serviceaccounts"): {},
    ("", "v1", "services"): {"spec": {"selector": LABELS, "ports": [{"port": 80}]}},
    ("apps", "v1", "controllerrevisions"): {"revision": 1, "data": {"a": 1}},
    ("apps", "v1", "daemonsets"): WORKLOAD,
    ("apps", "v1", "deployments"): WORKLOAD,
    ("apps", "v1", "replicasets"): WORKLOAD,
    ("apps", "v1", "statefulsets"): WORKLOAD,
    ("events.k8s.io", "v1", "events"): {
        "eventTime": "2024-05-01T12:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "web", "namespace": "default"},
        "reportingController": "example.com/robot",
        "reportingInstance": "robot-1",
        "action": "Looking",
        "reason": "Looked",
        "type": "Normal",
        "note": "all is well",
    },
    ("autoscaling", "v2", "horizontalpodautoscalers"): {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        }
    },
    ("autoscaling", "v1", "horizontalpodautoscalers"): {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        }
    },
    ("batch", "v1", "jobs"): {"spec": {"template": JOB_TEMPLATE}},
    ("batch", "v1", "cronjobs"): {
        "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}
    },
    ("certificates.k8s.io", "v1", "certificatesigningrequests"): {
        "spec": {
            "request": PEM,
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        }
    },
    ("networking.k8s.io", "v1", "ingresses"): {
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    },
    ("networking.k8s.io", "v1", "ingressclasses"): {"spec": {"controller": "example.com/ingress"}},
    ("networking.k8s.io", "v1", "networkpolicies"): {"spec": {"podSelector": {}}},
    ("policy", "v1", "poddisruptionbudgets"): {
        "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}}
    },
    ("rbac.authorization.k8s.io", "v1", "roles"): {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    },
    ("rbac.authorization.k8s.io", "v1", "clusterroles"): {
        "rules": [{"nonResourceURLs": ["/healthz"], "verbs": ["get"]}]
    },
    ("rbac.authorization.k8s.io", "v1", "rolebindings"): {
        "roleRef": ROLE_REF,
        "subjects": [{"kind": "User", "name": "jane"}],
    },
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings"): {
        "roleRef": ROLE_REF,
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    },
    ("coordination.k8s.io", "v1", "leases"): {"spec": {"holderIdentity": "node1"}},
    ("discovery.k8s.io", "v1", "endpointslices"): {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.1.2"]}],
        "ports": [{"port": 80}],
    },
    ("node.k8s.io", "v1", "runtimeclasses"): {"handler": "runc"},
    ("scheduling.k8s.io", "v1", "priorityclasses"): {"value": 100},
    ("storage.k8s.io", "v1", "storageclasses"): {"provisioner": "example.com/disk"},
    ("storage.k8s.io", "v1", "csidrivers"): {"spec": {}},
    ("storage.k8s.io", "v1", "csinodes"): {"spec": {"drivers": []}},
    ("storage.k8s.io", "v1", "csistoragecapacities"): {"storageClassName": "fast"},
    ("storage.k8s.io", "v1", "volumeattachments"): {
        "spec": {"attacher": "example.com", "nodeName": "node1", "source": {"persistentVolumeName": "pv1"}}
    },
}

CLUSTER_SCOPED: Final = frozenset(
    (
        "namespaces",
        "nodes",
        "persistentvolumes",
        "certificatesigningrequests",
        "ingressclasses",
        "clusterroles",
        "clusterrolebindings",
        "runtimeclasses",
        "priorityclasses",
        "storageclasses",
        "csidrivers",
        "csinodes",
        "volumeattachments",
    )
)
STORED: Final = tuple(_CONTENT)


def minimal(key: Key, kind: str, name: str = "web") -> Json:
    """A new object as a client would send it."""
    group, version, plural = key
    namespace = {} if plural in CLUSTER_SCOPED else {"namespace": "default"}
    return {
        "apiVersion": f"{group}/{version}" if group else version,
        "kind": kind,
        "metadata": {"name": name, **namespace},
        **deepcopy(_CONTENT[key]),
    }
