# SPDX-License-Identifier: Apache-2.0
"""What an update may not change, what it keeps, and what subresources do."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.registry.core.pod_strategy import PodStrategy
from controlplane.registry.humanize import as_of
from controlplane.registry.scale import apply_scale, check_scale, to_scale
from controlplane.request import User
from tests.support.minimal_objects import LABELS, STORED, Key
from tests.support.registry_objects import NOW, created, put, resource, updated

Json = dict[str, Any]

PODS, SERVICES, SECRETS = ("", "v1", "pods"), ("", "v1", "services"), ("", "v1", "secrets")
CONFIGMAPS, NODES, NAMESPACES = ("", "v1", "configmaps"), ("", "v1", "nodes"), ("", "v1", "namespaces")
CLAIMS, VOLUMES = ("", "v1", "persistentvolumeclaims"), ("", "v1", "persistentvolumes")
DEPLOYMENTS, STATEFULSETS = ("apps", "v1", "deployments"), ("apps", "v1", "statefulsets")
JOBS: Key = ("batch", "v1", "jobs")
REQUESTS: Key = ("certificates.k8s.io", "v1", "certificatesigningrequests")
BOUND = {"spec__volumeName": "pv1", "spec__storageClassName": "fast"}

# kind, changes at creation, changes of the update, field that is named
REFUSED: list[tuple[Key, Json, Json, str]] = [
    (CONFIGMAPS, {"immutable": True}, {"data": {"a": "c"}}, "data"),
    (CONFIGMAPS, {"immutable": True}, {"immutable": None}, "immutable"),
    (SECRETS, {}, {"type": "kubernetes.io/tls"}, "type"),
    (SECRETS, {"immutable": True}, {"data": {}}, "data"),
    (PODS, {}, {"spec__containers__0__command": ["sh"]}, "spec"),
    (PODS, {}, {"spec__nodeName": "node2"}, "spec"),
    (PODS, {}, {"spec__schedulingGates": [{"name": "a"}]}, "spec.schedulingGates[0]"),
    (PODS, {"spec__tolerations": [{"key": "a"}]}, {"spec__tolerations": []}, "spec.tolerations"),
    (
        PODS,
        {"spec__activeDeadlineSeconds": 10},
        {"spec__activeDeadlineSeconds": 20},
        "spec.activeDeadlineSeconds",
    ),
    (NODES, {"spec__podCIDRs": ["10.0.0.0/24"]}, {"spec__podCIDRs": ["10.0.1.0/24"]}, "spec.podCIDRs"),
    (NODES, {"spec__providerID": "a"}, {"spec__providerID": "b"}, "spec.providerID"),
    (SERVICES, {"spec__clusterIP": "10.0.0.1"}, {"spec__clusterIP": "10.0.0.2"}, "spec.clusterIPs[0]"),
    (
        SERVICES,
        {"spec__clusterIP": "10.0.0.1"},
        {"spec__clusterIP": "None", "spec__clusterIPs": None},
        "spec.clusterIPs[0]",
    ),
    (
        SERVICES,
        {"spec__type": "LoadBalancer", "spec__loadBalancerClass": "a/b"},
        {"spec__loadBalancerClass": "a/c"},
        "spec.loadBalancerClass",
    ),
    (CLAIMS, {}, {"spec__accessModes": ["ReadWriteMany"]}, "spec"),
    (CLAIMS, {}, {"spec__resources__requests__storage": "2Gi"}, "spec"),
    (VOLUMES, {}, {"spec__hostPath__path": "/other"}, "spec.hostPath"),
    (VOLUMES, {}, {"spec__volumeMode": "Block"}, "spec.volumeMode"),
    (("", "v1", "resourcequotas"), {}, {"spec__scopes": ["BestEffort"]}, "spec.scopes"),
    (DEPLOYMENTS, {}, {"spec__selector__matchLabels": {"a": "b"}}, "spec.selector"),
    (("apps", "v1", "replicasets"), {}, {"spec__selector__matchLabels": {"a": "b"}}, "spec.selector"),
    (("apps", "v1", "daemonsets"), {}, {"spec__selector__matchLabels": {"a": "b"}}, "spec.selector"),
    (STATEFULSETS, {}, {"spec__serviceName": "other"}, "spec"),
    (("apps", "v1", "controllerrevisions"), {}, {"data": {"b": 1}}, "data"),
    (JOBS, {}, {"spec__completions": 2}, "spec.completions"),
    (JOBS, {}, {"spec__template__spec__containers__0__image": "other"}, "spec.template"),
    (JOBS, {}, {"spec__completionMode": "Indexed"}, "spec.completionMode"),
    (JOBS, {"spec__suspend": True}, {"spec__template__spec__containers__0__image": "other"}, "spec.template"),
    (("rbac.authorization.k8s.io", "v1", "rolebindings"), {}, {"roleRef__name": "edit"}, "roleRef"),
    (
        ("networking.k8s.io", "v1", "ingressclasses"),
        {},
        {"spec__controller": "a.example/b"},
        "spec.controller",
    ),
    (("discovery.k8s.io", "v1", "endpointslices"), {}, {"addressType": "IPv6"}, "addressType"),
    (("node.k8s.io", "v1", "runtimeclasses"), {}, {"handler": "crun"}, "handler"),
    (("scheduling.k8s.io", "v1", "priorityclasses"), {}, {"value": 1}, "value"),
    (("storage.k8s.io", "v1", "storageclasses"), {}, {"provisioner": "a.example/b"}, "provisioner"),
    (("storage.k8s.io", "v1", "storageclasses"), {}, {"parameters": {"a": "b"}}, "parameters"),
    (("storage.k8s.io", "v1", "csidrivers"), {}, {"spec__attachRequired": False}, "spec.attachRequired"),
    (("storage.k8s.io", "v1", "volumeattachments"), {}, {"spec__nodeName": "node2"}, "spec"),
    (("storage.k8s.io", "v1", "csistoragecapacities"), {}, {"storageClassName": "slow"}, "storageClassName"),
    (REQUESTS, {}, {"spec__signerName": "example.com/other"}, "spec"),
]


@pytest.mark.parametrize(("key", "at_creation", "changes", "field"), REFUSED)
def test_refused(key: Key, at_creation: Json, changes: Json, field: str) -> None:
    old = created(key, **at_creation)
    new = updated(key, old, **changes)
    assert field in [cause.field for cause in resource(key).strategy.validate_update(new, old)]


# kind, changes at creation, changes of the update
ACCEPTED: list[tuple[Key, Json, Json]] = [
    (CONFIGMAPS, {"immutable": True}, {"metadata__labels": LABELS}),
    (PODS, {}, {"spec__containers__0__image": "other"}),
    (PODS, {}, {"spec__tolerations": [{"key": "a"}]}),
    (
        PODS,
        {"spec__tolerations": [{"key": "a", "effect": "NoExecute"}]},
        {"spec__tolerations": [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 3}]},
    ),
    (PODS, {"spec__schedulingGates": [{"name": "a"}]}, {"spec__schedulingGates": None}),
    (PODS, {"spec__schedulingGates": [{"name": "a"}]}, {"spec__nodeSelector": {"a": "b"}}),
    (PODS, {"spec__activeDeadlineSeconds": 10}, {"spec__activeDeadlineSeconds": 5}),
    (NODES, {}, {"spec__podCIDRs": ["10.0.0.0/24"], "spec__podCIDR": "10.0.0.0/24"}),
    (SERVICES, {"spec__clusterIP": "10.0.0.1"}, {"spec__clusterIP": None, "spec__clusterIPs": None}),
    (SERVICES, {"spec__clusterIP": "10.0.0.1"}, {"spec__type": "NodePort"}),
    (
        SERVICES,
        {"spec__clusterIP": "10.0.0.1"},
        {"spec__type": "ExternalName", "spec__externalName": "a.example", "spec__ports": None},
    ),
    (CLAIMS, {}, BOUND),
    (CLAIMS, BOUND, {"spec__resources__requests__storage": "2Gi"}),
    (STATEFULSETS, {}, {"spec__replicas": 3, "spec__template__spec__containers__0__image": "other"}),
    (DEPLOYMENTS, {}, {"spec__replicas": 3}),
    (JOBS, {}, {"spec__parallelism": 3}),
    (
        JOBS,
        {"spec__completionMode": "Indexed", "spec__completions": 2, "spec__parallelism": 2},
        {"spec__completions": 3, "spec__parallelism": 3},
    ),
    (JOBS, {"spec__suspend": True}, {"spec__template__spec__nodeSelector": {"a": "b"}}),
]


@pytest.mark.parametrize(("key", "at_creation", "changes"), ACCEPTED)
def test_accepted(key: Key, at_creation: Json, changes: Json) -> None:
    old = created(key, **at_creation)
    new = updated(key, old, **changes)
    strategy = resource(key).strategy
    assert [*strategy.validate(new), *strategy.validate_update(new, old)] == []


def test_a_bound_claim_does_not_shrink_below_what_it_has() -> None:
    old = created(CLAIMS, **BOUND)
    old["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    new = updated(CLAIMS, old, spec__resources__requests__storage="512Mi")
    fields = [cause.field for cause in resource(CLAIMS).strategy.validate_update(new, old)]
    assert fields == ["spec.resources.requests.storage"]


def test_a_service_keeps_what_was_allocated_when_its_manifest_is_sent_again() -> None:
    manifest: Json = {
        "spec__type": "NodePort",
        "spec__ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}],
    }
    old = created(SERVICES, **manifest)
    old["spec"] |= {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]}
    for index, port in enumerate(old["spec"]["ports"]):
        port["nodePort"] = 30080 + index
    new = created(SERVICES, **manifest)
    resource(SERVICES).strategy.prepare_update(new, old)
    assert new["spec"] == old["spec"]


def test_a_service_gives_back_what_its_new_type_does_not_have() -> None:
    old = created(
        SERVICES,
        spec__type="NodePort",
        spec__clusterIP="10.0.0.1",
        spec__ports=[{"port": 80, "nodePort": 30080}],
    )
    inside = updated(SERVICES, old, spec__type="ClusterIP")
    assert "nodePort" not in inside["spec"]["ports"][0]
    assert "externalTrafficPolicy" not in inside["spec"]
    assert inside["spec"]["clusterIP"] == "10.0.0.1"
    outside = updated(SERVICES, old, spec__type="ExternalName", spec__externalName="a.example")
    assert not {"clusterIP", "clusterIPs", "internalTrafficPolicy"} & outside["spec"].keys()


def test_annotations_of_a_deployment_count_as_a_generation() -> None:
    old = created(DEPLOYMENTS)
    assert updated(DEPLOYMENTS, old, metadata__annotations={"a": "b"})["metadata"]["generation"] == 2


def test_an_endpoint_slice_counts_content_and_labels() -> None:
    key: Key = ("discovery.k8s.io", "v1", "endpointslices")
    old = created(key)
    assert updated(key, old, metadata__annotations={"a": "b"})["metadata"]["generation"] == 1
    assert updated(key, old, metadata__labels={"a": "b"})["metadata"]["generation"] == 2
    assert updated(key, old, endpoints=[])["metadata"]["generation"] == 2


class TestNamespaces:
    strategy = resource(NAMESPACES).strategy

    def test_it_is_held_until_it_is_finalized(self) -> None:
        namespace = created(NAMESPACES)
        self.strategy.begin_deletion(namespace)
        assert namespace["status"]["phase"] == "Terminating"
        assert self.strategy.is_held(namespace)
        final = {**deepcopy(namespace), "spec": {}, "status": {"phase": "Active"}}
        self.strategy.prepare_subresource("finalize", final, namespace)
        assert not self.strategy.is_held(final)
        assert final["status"]["phase"] == "Terminating"

    def test_an_update_does_not_finalize_it(self) -> None:
        old = created(NAMESPACES)
        assert updated(NAMESPACES, old, spec={}) == old

    def test_its_name_s_label_stays(self) -> None:
        new = updated(NAMESPACES, created(NAMESPACES), metadata__labels={"a": "b"})
        assert new["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "web"}


class TestPods:
    strategy = PodStrategy()

    @pytest.mark.parametrize(
        ("node", "phase", "asked", "grace"),
        [
            ("node1", "Running", None, 30),
            ("node1", "Running", 5, 5),
            ("node1", "Running", 0, 0),
            ("node1", "Running", -1, 1),
            ("", "Pending", None, 0),
            ("", "Pending", 60, 0),
            ("node1", "Succeeded", None, 0),
            ("node1", "Failed", 60, 0),
        ],
    )
    def test_grace(self, node: str, phase: str, asked: int | None, grace: int) -> None:
        obj = created(PODS, spec__nodeName=node)
        obj["status"]["phase"] = phase
        assert self.strategy.grace_seconds(obj, asked) == grace

    def test_gated_pods_say_so(self) -> None:
        with as_of(NOW):
            obj = created(PODS, spec__schedulingGates=[{"name": "a"}])
        assert obj["status"]["conditions"][0]["reason"] == "SchedulingGated"

    @pytest.mark.parametrize(
        ("resources", "qos"),
        [
            ({}, "BestEffort"),
            ({"requests": {"cpu": "0"}}, "BestEffort"),
            ({"requests": {"cpu": "1"}}, "Burstable"),
            ({"limits": {"cpu": "1"}}, "Burstable"),
            ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
            ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}, "Guaranteed"),
            ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
            ({"limits": {"example.com/gpu": "1"}}, "BestEffort"),
        ],
    )
    def test_quality_of_service(self, resources: Json, qos: str) -> None:
        assert created(PODS, spec__containers__0__resources=resources)["status"]["qosClass"] == qos

    def _sub(self, name: str, old: Json, **changes: Any) -> tuple[Json, list[str]]:
        new = deepcopy(old)
        for path, value in changes.items():
            put(new, path.replace("__", "."), value)
        self.strategy.prepare_subresource(name, new, old)
        return new, [cause.field for cause in self.strategy.validate_subresource(name, new, old)]

    def test_ephemeral_containers_are_not_there_at_first(self) -> None:
        obj = created(PODS, spec__ephemeralContainers=[{"name": "debug", "image": "a"}])
        assert [cause.field for cause in self.strategy.validate_create(obj)] == ["spec.ephemeralContainers"]
        assert list(self.strategy.validate_create(created(PODS))) == []

    def test_ephemeral_containers_are_added(self) -> None:
        old = created(PODS)
        debug = {"name": "debug", "image": "a", "targetContainerName": "main"}
        new, fields = self._sub(
            "ephemeralcontainers", old, spec__ephemeralContainers=[debug], spec__nodeName="node9", status={}
        )
        assert fields == []
        assert new["spec"]["ephemeralContainers"][0]["imagePullPolicy"] == "Always"
        assert "nodeName" not in new["spec"]
        assert new["status"] == old["status"]
        assert new["metadata"]["generation"] == 2
        _, fields = self._sub("ephemeralcontainers", new, spec__ephemeralContainers=[])
        assert fields == ["spec.ephemeralContainers"]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": "main"}, "spec.ephemeralContainers[0].name"),
            ({"image": ""}, "spec.ephemeralContainers[0].image"),
            ({"ports": [{"containerPort": 1}]}, "spec.ephemeralContainers[0].ports"),
            ({"resources": {"limits": {"cpu": "1"}}}, "spec.ephemeralContainers[0].resources"),
            ({"targetContainerName": "other"}, "spec.ephemeralContainers[0].targetContainerName"),
        ],
    )
    def test_ephemeral_containers_refused(self, changes: Json, field: str) -> None:
        container = {"name": "debug", "image": "a", **changes}
        _, fields = self._sub("ephemeralcontainers", created(PODS), spec__ephemeralContainers=[container])
        assert field in fields

    def test_resize_changes_amounts_and_nothing_else(self) -> None:
        old = created(PODS, spec__containers__0__resources={"requests": {"cpu": "1"}})
        new, fields = self._sub("resize", old, spec__containers__0__resources={"requests": {"cpu": "2"}})
        assert fields == []
        assert new["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "2"
        assert self._sub("resize", old, spec__containers__0__image="other")[1] == ["spec"]
        assert self._sub("resize", old, spec__containers__0__resources={})[1] == ["spec"]

    def test_fields(self) -> None:
        obj = created(PODS, spec__nodeName="node1", spec__serviceAccountName="robot")
        obj["status"]["podIP"] = "10.244.1.2"
        assert self.strategy.fields(obj) == {
            "spec.nodeName": "node1",
            "spec.restartPolicy": "Always",
            "spec.schedulerName": "default-scheduler",
            "spec.serviceAccountName": "robot",
            "spec.hostNetwork": "false",
            "status.phase": "Pending",
            "status.podIP": "10.244.1.2",
            "status.nominatedNodeName": "",
        }


class TestRequests:
    strategy = resource(REQUESTS).strategy
    approved: ClassVar[Json] = {"type": "Approved", "status": "True", "reason": "Fine"}

    def _sub(self, name: str, old: Json, status: Json) -> tuple[Json, list[str]]:
        new = {**deepcopy(old), "status": status, "spec": {"request": "other"}}
        with as_of(NOW):
            self.strategy.prepare_subresource(name, new, old)
        return new, [cause.field for cause in self.strategy.validate_subresource(name, new, old)]

    def test_the_server_says_who_asks(self) -> None:
        obj = created(REQUESTS, spec__username="root", spec__extra={"a": ["b"]})
        self.strategy.note_creator(obj, User("jane", uid="7", groups=("dev",)))
        assert {k: obj["spec"].get(k) for k in ("username", "uid", "groups", "extra")} == {
            "username": "jane",
            "uid": "7",
            "groups": ["dev"],
            "extra": None,
        }

    def test_approval_takes_conditions_only(self) -> None:
        old = created(REQUESTS)
        new, fields = self._sub("approval", old, {"conditions": [self.approved], "certificate": "AA=="})
        assert fields == []
        moment = "2024-05-01T12:00:00Z"
        assert new["status"] == {
            "conditions": [{**self.approved, "lastUpdateTime": moment, "lastTransitionTime": moment}]
        }
        assert new["spec"] == old["spec"]

    def test_status_cannot_decide(self) -> None:
        new, _ = self._sub("status", created(REQUESTS), {"conditions": [self.approved]})
        assert new["status"] == {}

    def test_a_decision_stays(self) -> None:
        old, _ = self._sub("approval", created(REQUESTS), {"conditions": [self.approved]})
        assert self._sub("approval", old, {})[1] == ["status.conditions"]
        both = [*old["status"]["conditions"], {"type": "Denied", "status": "True"}]
        assert self._sub("approval", old, {"conditions": both})[1] == ["status.conditions"]

    def test_a_certificate_is_given_once(self) -> None:
        certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0K"
        issued, fields = self._sub("status", created(REQUESTS), {"certificate": certificate})
        assert fields == []
        assert self._sub("status", issued, {"certificate": "AA=="})[1][0] == "status.certificate"
        assert self._sub("status", created(REQUESTS), {"certificate": "AA=="})[1] == ["status.certificate"]


def test_a_subresource_without_a_rule_is_an_error_of_the_engine() -> None:
    with pytest.raises(KeyError, match="no rule for the subresource 'log'"):
        resource(PODS).strategy.prepare_subresource("log", {}, {})


class TestScale:
    def test_a_scale_shows_the_object(self) -> None:
        kind = resource(DEPLOYMENTS)
        assert kind.scale is not None
        obj = created(DEPLOYMENTS, spec__replicas=3)
        obj["status"] = {"replicas": 2}
        obj["metadata"]["resourceVersion"] = "7"
        scale = to_scale(obj, kind.scale)
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["spec"] == {"replicas": 3}
        assert scale["status"] == {"replicas": 2, "selector": "app=web"}
        assert (scale["metadata"]["name"], scale["metadata"]["resourceVersion"]) == ("web", "7")

    @given(st.integers(0, 2**31 - 1))
    def test_a_scale_changes_the_object(self, replicas: int) -> None:
        for key in STORED:
            paths = resource(key).scale
            if paths is None:
                continue
            obj = created(key)
            scale = to_scale(obj, paths)
            scale["spec"]["replicas"] = replicas
            assert check_scale(scale) == ()
            apply_scale(obj, scale, paths)
            assert obj["spec"]["replicas"] == replicas

    def test_less_than_none_is_refused(self) -> None:
        assert [cause.field for cause in check_scale({"spec": {"replicas": -1}})] == ["spec.replicas"]

    def test_a_plain_selector(self) -> None:
        kind = resource(("", "v1", "replicationcontrollers"))
        assert kind.scale is not None
        assert (
            to_scale(created(("", "v1", "replicationcontrollers")), kind.scale)["status"]["selector"]
            == "app=web"
        )


def test_times_of_conditions_are_utc() -> None:
    with as_of(datetime(2024, 5, 1, 12, tzinfo=UTC)):
        obj = created(PODS, spec__schedulingGates=[{"name": "a"}])
    assert obj["status"]["conditions"][0]["lastTransitionTime"].endswith("Z")
