# SPDX-License-Identifier: Apache-2.0
"""Minimal objects of every kind: complete, strictly decodable, valid, and unchanged by being written again."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from controlplane.registry.data import look
from kube.strict import decode
from tests.support.minimal_objects import STORED, Key
from tests.support.registry_objects import UID, created, resource, updated

Json = dict[str, Any]

every_kind = pytest.mark.parametrize("key", STORED, ids=lambda key: "/".join(key))


@every_kind
def test_defaults_are_idempotent(key: Key) -> None:
    obj = created(key)
    again = deepcopy(obj)
    resource(key).strategy.set_defaults(again)
    assert again == obj


@every_kind
def test_what_is_stored_decodes_strictly_in_the_served_version(key: Key) -> None:
    kind, obj = resource(key), created(key)
    served = kind.from_storage(obj) if kind.from_storage else obj
    assert served["apiVersion"] == kind.api_version
    problems = [str(p) for p in decode(kind.model, served).problems if p.path != ("eventTime",)]
    assert problems == []


@every_kind
def test_it_is_valid(key: Key) -> None:
    assert list(resource(key).strategy.validate(created(key))) == []


@every_kind
def test_to_write_it_again_changes_nothing(key: Key) -> None:
    obj = created(key)
    again = updated(key, obj)
    assert again == obj
    assert list(resource(key).strategy.validate_update(again, obj)) == []


@every_kind
def test_cells_are_plain_and_of_the_column_s_type(key: Key) -> None:
    obj = created(key)
    types: dict[str, type] = {"integer": int, "boolean": bool}
    for column in resource(key).columns:
        value = column.value(obj)
        msgspec.json.encode(value)
        assert isinstance(value, types.get(column.type, str | int)), column.name


@every_kind
def test_columns_and_fields_bear_an_empty_object(key: Key) -> None:
    kind = resource(key)
    for column in kind.columns:
        column.value({})
    assert kind.strategy.fields({}).keys() == kind.strategy.fields(created(key)).keys()
    assert all(isinstance(value, str) for value in kind.strategy.fields(created(key)).values())


@every_kind
def test_generation_counts_changes_of_spec_only(key: Key) -> None:
    obj = created(key)
    if not resource(key).strategy.has_generation:
        return
    assert obj["metadata"]["generation"] == 1
    assert updated(key, obj, metadata__labels={"a": "b"})["metadata"]["generation"] == 1
    changes = {"spec__activeDeadlineSeconds": 9} if key[2] == "pods" else {"spec__anything": 1}
    assert updated(key, obj, **changes)["metadata"]["generation"] == 2


@every_kind
def test_status_is_its_own_subresource(key: Key) -> None:
    kind = resource(key)
    if "status" not in {s.name for s in kind.subresources} or key[2] == "certificatesigningrequests":
        return
    old = created(key)
    assert updated(key, old, status={"a": "b"}).get("status") == old.get("status")
    new = {**deepcopy(old), "status": {"a": "b"}, "spec": {"b": "c"}}
    kind.strategy.prepare_subresource("status", new, old)
    assert new["status"] == {"a": "b"}
    assert new.get("spec") == old.get("spec")


PODS, SERVICES, JOBS = ("", "v1", "pods"), ("", "v1", "services"), ("batch", "v1", "jobs")
HPA: Key = ("autoscaling", "v2", "horizontalpodautoscalers")
TYPE = "spec.type"

# kind, changes of the minimal object, path, value
DEFAULTS: list[tuple[Key, Json, str, Any]] = [
    (PODS, {}, "spec.restartPolicy", "Always"),
    (PODS, {}, "spec.terminationGracePeriodSeconds", 30),
    (PODS, {}, "spec.containers.0.resources", {}),
    (PODS, {}, "status", {"phase": "Pending", "qosClass": "BestEffort"}),
    (PODS, {"spec__volumes": [{"name": "a"}]}, "spec.volumes.0.emptyDir", {}),
    (PODS, {"spec__volumes": [{"name": "a", "secret": {}}]}, "spec.volumes.0.secret.defaultMode", 420),
    (PODS, {"spec__volumes": [{"name": "a", "hostPath": {"path": "/"}}]}, "spec.volumes.0.hostPath.type", ""),
    (PODS, {"spec__serviceAccountName": "robot"}, "spec.serviceAccount", "robot"),
    (
        PODS,
        {"spec__ephemeralContainers": [{"name": "debug", "image": "a"}]},
        "spec.ephemeralContainers.0.terminationMessagePath",
        "/dev/termination-log",
    ),
    (SERVICES, {}, TYPE, "ClusterIP"),
    (SERVICES, {}, "spec.ports.0", {"port": 80, "protocol": "TCP", "targetPort": 80}),
    (SERVICES, {}, "spec.internalTrafficPolicy", "Cluster"),
    (SERVICES, {}, "spec.externalTrafficPolicy", None),
    (SERVICES, {"spec__type": "NodePort"}, "spec.externalTrafficPolicy", "Cluster"),
    (SERVICES, {"spec__type": "LoadBalancer"}, "spec.allocateLoadBalancerNodePorts", True),
    (
        SERVICES,
        {"spec__sessionAffinity": "ClientIP"},
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
        10800,
    ),
    (SERVICES, {"spec__clusterIP": "10.96.0.9"}, "spec.clusterIPs", ["10.96.0.9"]),
    (SERVICES, {"spec__type": "ExternalName"}, "spec.internalTrafficPolicy", None),
    (("", "v1", "secrets"), {}, "type", "Opaque"),
    (("", "v1", "secrets"), {"stringData": {"c": "d"}}, "data", {"a": "Yg==", "c": "ZA=="}),
    (("", "v1", "secrets"), {"stringData": {"c": "d"}}, "stringData", None),
    (("", "v1", "namespaces"), {}, "metadata.labels", {"kubernetes.io/metadata.name": "web"}),
    (("", "v1", "namespaces"), {}, "spec.finalizers", ["kubernetes"]),
    (("", "v1", "namespaces"), {}, "status.phase", "Active"),
    (("", "v1", "nodes"), {"status__capacity": {"cpu": "2"}}, "status.allocatable", {"cpu": "2"}),
    (("", "v1", "limitranges"), {}, "spec.limits.0.default", {"cpu": "1"}),
    (("", "v1", "limitranges"), {}, "spec.limits.0.defaultRequest", {"cpu": "1"}),
    (("", "v1", "persistentvolumes"), {}, "spec.persistentVolumeReclaimPolicy", "Retain"),
    (("", "v1", "persistentvolumeclaims"), {}, "spec.volumeMode", "Filesystem"),
    (("", "v1", "replicationcontrollers"), {}, "spec.selector", {"app": "web"}),
    (("", "v1", "endpoints"), {}, "subsets.0.ports.0.protocol", "TCP"),
    (("apps", "v1", "deployments"), {}, "spec.replicas", 1),
    (("apps", "v1", "deployments"), {}, "spec.revisionHistoryLimit", 10),
    (("apps", "v1", "deployments"), {}, "spec.progressDeadlineSeconds", 600),
    (
        ("apps", "v1", "deployments"),
        {},
        "spec.strategy",
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    ),
    (
        ("apps", "v1", "deployments"),
        {"spec__strategy": {"type": "Recreate"}},
        "spec.strategy",
        {"type": "Recreate"},
    ),
    (("apps", "v1", "deployments"), {"spec__replicas": 0}, "spec.replicas", 0),
    (("apps", "v1", "deployments"), {}, "spec.template.spec.dnsPolicy", "ClusterFirst"),
    (("apps", "v1", "replicasets"), {}, "status", {"replicas": 0}),
    (("apps", "v1", "statefulsets"), {}, "spec.podManagementPolicy", "OrderedReady"),
    (
        ("apps", "v1", "statefulsets"),
        {},
        "spec.updateStrategy",
        {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    ),
    (
        ("apps", "v1", "daemonsets"),
        {},
        "spec.updateStrategy.rollingUpdate",
        {"maxSurge": 0, "maxUnavailable": 1},
    ),
    (JOBS, {}, "spec.completions", 1),
    (JOBS, {"spec__parallelism": 2}, "spec.completions", None),
    (JOBS, {}, "spec.backoffLimit", 6),
    (JOBS, {"spec__backoffLimitPerIndex": 1}, "spec.backoffLimit", 2**31 - 1),
    (JOBS, {}, "spec.selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}),
    (JOBS, {}, "spec.template.metadata.labels.job-name", "web"),
    (("batch", "v1", "cronjobs"), {}, "spec.concurrencyPolicy", "Allow"),
    (("batch", "v1", "cronjobs"), {}, "spec.successfulJobsHistoryLimit", 3),
    (("batch", "v1", "cronjobs"), {}, "spec.failedJobsHistoryLimit", 1),
    (
        ("batch", "v1", "cronjobs"),
        {},
        "spec.jobTemplate.spec.template.spec.schedulerName",
        "default-scheduler",
    ),
    (HPA, {}, "spec.minReplicas", 1),
    (HPA, {}, "spec.metrics.0.resource.target.averageUtilization", 80),
    (HPA, {"spec__behavior": {"scaleDown": {}}}, "spec.behavior.scaleUp.selectPolicy", "Max"),
    (HPA, {"spec__behavior": {"scaleDown": {}}}, "spec.behavior.scaleDown.policies.0.value", 100),
    (("networking.k8s.io", "v1", "networkpolicies"), {}, "spec.policyTypes", ["Ingress"]),
    (
        ("networking.k8s.io", "v1", "networkpolicies"),
        {"spec__egress": [{"ports": [{"port": 53}]}]},
        "spec.policyTypes",
        ["Ingress", "Egress"],
    ),
    (
        ("networking.k8s.io", "v1", "networkpolicies"),
        {"spec__egress": [{"ports": [{"port": 53}]}]},
        "spec.egress.0.ports.0.protocol",
        "TCP",
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "rolebindings"),
        {},
        "roleRef.apiGroup",
        "rbac.authorization.k8s.io",
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "rolebindings"),
        {},
        "subjects.0.apiGroup",
        "rbac.authorization.k8s.io",
    ),
    (("rbac.authorization.k8s.io", "v1", "clusterrolebindings"), {}, "subjects.0.apiGroup", None),
    (("discovery.k8s.io", "v1", "endpointslices"), {}, "ports.0.protocol", "TCP"),
    (("discovery.k8s.io", "v1", "endpointslices"), {}, "metadata.generation", 1),
    (("scheduling.k8s.io", "v1", "priorityclasses"), {}, "preemptionPolicy", "PreemptLowerPriority"),
    (("storage.k8s.io", "v1", "storageclasses"), {}, "volumeBindingMode", "Immediate"),
    (("storage.k8s.io", "v1", "storageclasses"), {}, "reclaimPolicy", "Delete"),
    (("storage.k8s.io", "v1", "csidrivers"), {}, "spec.attachRequired", True),
    (("storage.k8s.io", "v1", "volumeattachments"), {}, "status.attached", False),
    (("policy", "v1", "poddisruptionbudgets"), {}, "status.disruptionsAllowed", 0),
]


@pytest.mark.parametrize(("key", "changes", "path", "value"), DEFAULTS)
def test_defaults(key: Key, changes: Json, path: str, value: Any) -> None:
    steps = [int(step) if step.isdecimal() else step for step in path.split(".")]
    if path.startswith("metadata.labels"):
        steps = ["metadata", "labels"]
    assert look(created(key, **changes), *steps) == value
