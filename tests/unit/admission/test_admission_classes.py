# SPDX-License-Identifier: Apache-2.0
"""RuntimeClass, DefaultStorageClass, DefaultIngressClass."""

import pytest

from controlplane.admission.default_ingress_class import DefaultIngressClass
from controlplane.admission.default_storage_class import DefaultStorageClass
from controlplane.admission.runtime_class import RuntimeClass
from tests.support.admission import admitted, cluster, core, named, pod, refusal, request

VM = named(
    "vm",
    handler="vm",
    overhead={"podFixed": {"cpu": "100m", "memory": "64Mi"}},
    scheduling={
        "nodeSelector": {"vm": "yes"},
        "tolerations": [{"key": "vm", "operator": "Exists", "effect": "NoSchedule"}],
    },
)
RUNTIMES = RuntimeClass(
    cluster(("node.k8s.io", "runtimeclasses", VM), ("node.k8s.io", "runtimeclasses", named("plain")))
)


def test_a_class_brings_overhead_and_scheduling() -> None:
    given = {"key": "x", "operator": "Exists"}
    made = pod(runtimeClassName="vm", nodeSelector={"disk": "ssd"}, tolerations=[given])
    spec = admitted(RUNTIMES, request(made)).object["spec"]
    assert spec["overhead"] == {"cpu": "100m", "memory": "64Mi"}
    assert spec["nodeSelector"] == {"disk": "ssd", "vm": "yes"}
    assert spec["tolerations"] == [given, *VM["scheduling"]["tolerations"]]


def test_what_is_there_is_not_added_again() -> None:
    once = admitted(RUNTIMES, request(pod(runtimeClassName="vm"))).object
    twice = admitted(RUNTIMES, request(once)).object
    assert twice["spec"]["tolerations"] == VM["scheduling"]["tolerations"]


@pytest.mark.parametrize("name", ["plain", None])
def test_nothing_is_added_without_a_reason(name) -> None:
    made = pod(**({"runtimeClassName": name} if name else {}))
    before = dict(made["spec"])
    assert admitted(RUNTIMES, request(made)).object["spec"] == before


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"runtimeClassName": "gone"}, 'pod rejected: RuntimeClass "gone" not found'),
        (
            {"overhead": {"cpu": "1"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            {"runtimeClassName": "plain", "overhead": {"cpu": "1"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            {"runtimeClassName": "vm", "overhead": {"cpu": "1"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "vm", "nodeSelector": {"vm": "no"}},
            "conflict: runtimeClass.Scheduling.NodeSelector[vm] = yes; pod.Spec.NodeSelector[vm] = no",
        ),
    ],
)
def test_refusals(spec, why) -> None:
    assert refusal(RUNTIMES, request(pod(**spec))) == f'pods "web" is forbidden: {why}'


def test_the_same_overhead_in_other_words_is_fine() -> None:
    made = pod(runtimeClassName="vm", overhead={"cpu": "0.1", "memory": "65536Ki"})
    assert refusal(RUNTIMES, request(made)) == ""


def test_updates_are_left_alone() -> None:
    gone = pod(runtimeClassName="gone")
    assert refusal(RUNTIMES, request(gone, old=gone)) == ""
    assert refusal(RUNTIMES, request(gone, subresource="binding")) == ""


def a_class(name, annotation, value="true", created="2026-01-01T00:00:00Z"):
    return named(name, metadata={"annotations": {annotation: value}, "creationTimestamp": created})


STORAGE = "storageclass.kubernetes.io/is-default-class"
BETA_STORAGE = "storageclass.beta.kubernetes.io/is-default-class"
INGRESS = "ingressclass.kubernetes.io/is-default-class"


@pytest.mark.parametrize(
    ("classes", "spec", "metadata", "result"),
    [
        ([a_class("fast", STORAGE)], {}, {}, "fast"),
        ([a_class("fast", BETA_STORAGE)], {}, {}, "fast"),
        ([a_class("fast", STORAGE)], {"storageClassName": ""}, {}, ""),
        ([a_class("fast", STORAGE)], {"storageClassName": "slow"}, {}, "slow"),
        (
            [a_class("fast", STORAGE)],
            {},
            {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}},
            None,
        ),
        ([a_class("fast", STORAGE, "false"), named("plain")], {}, {}, None),
        ([], {}, {}, None),
        ([a_class("a", STORAGE), a_class("b", STORAGE, created="2026-01-02T00:00:00Z")], {}, {}, "b"),
        ([a_class("b", STORAGE), a_class("a", STORAGE)], {}, {}, "a"),
    ],
)
def test_default_storage_class(classes, spec, metadata, result) -> None:
    plugin = DefaultStorageClass(cluster(*(("storage.k8s.io", "storageclasses", one) for one in classes)))
    claim = named("data", "shop", metadata=metadata, spec=spec)
    made = admitted(plugin, request(claim, "persistentvolumeclaims")).object
    assert made["spec"].get("storageClassName") == result


@pytest.mark.parametrize(
    ("classes", "spec", "metadata", "result"),
    [
        ([a_class("web", INGRESS)], {}, {}, "web"),
        ([a_class("web", INGRESS)], {"ingressClassName": "own"}, {}, "own"),
        ([a_class("web", INGRESS)], {}, {"annotations": {"kubernetes.io/ingress.class": "x"}}, None),
        ([named("plain")], {}, {}, None),
        ([a_class("a", INGRESS), a_class("b", INGRESS, created="2026-01-02T00:00:00Z")], {}, {}, "b"),
    ],
)
def test_default_ingress_class(classes, spec, metadata, result) -> None:
    group = "networking.k8s.io"
    plugin = DefaultIngressClass(cluster(*((group, "ingressclasses", one) for one in classes)))
    ingress = named("front", "shop", metadata=metadata, spec=spec)
    made = admitted(plugin, request(ingress, "ingresses", group=group)).object
    assert made["spec"].get("ingressClassName") == result


def test_updates_keep_what_they_have() -> None:
    plugin = DefaultStorageClass(core("x", [a_class("fast", STORAGE)]))
    claim = named("data", "shop", spec={})
    assert admitted(plugin, request(claim, "persistentvolumeclaims", old=claim)).object["spec"] == {}
