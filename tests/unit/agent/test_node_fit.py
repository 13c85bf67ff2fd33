# SPDX-License-Identifier: Apache-2.0
"""Admission at the node: who is refused, for which of the kubelet's reasons, and who stays."""

from dataclasses import replace
from typing import Any

import pytest
from lightkube.models import core_v1

from agent.node.admission import Admission
from agent.node.fit import NodeView, refusal_of
from agent.sources.model import DesiredPod, Origin, PodKey, Snapshot
from kube.quantity import parse
from kube.strict import decode

NODE = NodeView(
    name="node1",
    labels={"kubernetes.io/os": "linux", "disk": "ssd"},
    taints=(core_v1.Taint(effect="NoExecute", key="maintenance", value="now"),),
    allocatable={
        "cpu": parse("2"),
        "memory": parse("1Gi"),
        "pods": parse("3"),
        "example.com/dongle": parse("1"),
    },
)
TOLERATED: dict[str, Any] = {"tolerations": [{"key": "maintenance", "operator": "Exists"}]}


def pod(name: str, *, origin: Origin = Origin.API, made: int = 0, phase: str = "", **spec: Any) -> DesiredPod:
    container = {"name": "app", "image": "x", **spec.pop("container", {})}
    raw = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "creationTimestamp": f"2026-01-01T00:00:{made:02}Z",
        },
        "spec": {**TOLERATED, "containers": [container], **spec},
        "status": {"phase": phase} if phase else None,
    }
    decoded = decode(core_v1.Pod, raw)
    assert decoded.value is not None, decoded.problems
    return DesiredPod(PodKey("default", name), name, decoded.value, "api", origin)


def asks(**requests: str) -> dict[str, Any]:
    named = {"dongle": "example.com/dongle"}
    return {"resources": {"requests": {named.get(key, key): value for key, value in requests.items()}}}


def terms(key: str, operator: str, *values: str) -> dict[str, Any]:
    expression = {"key": key, "operator": operator, "values": list(values)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


BUSY = (pod("busy", container=asks(cpu="1500m", memory="512Mi")),)
PORT = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
CASES: list[tuple[str, DesiredPod, tuple[DesiredPod, ...], NodeView, str, str]] = [
    ("fits", pod("a", container=asks(cpu="500m", memory="512Mi")), BUSY, NODE, "", ""),
    (
        "cpu",
        pod("a", container=asks(cpu="501m")),
        BUSY,
        NODE,
        "OutOfcpu",
        "cpu, requested: 501, used: 1500, capacity: 2000",
    ),
    (
        "memory",
        pod("a", container=asks(memory="513Mi")),
        BUSY,
        NODE,
        "OutOfmemory",
        "memory, requested: 537919488, used: 536870912",
    ),
    ("pods", pod("a"), BUSY * 3, NODE, "OutOfpods", "pods, requested: 1, used: 3, capacity: 3"),
    (
        "extended",
        pod("a", container=asks(dongle="2")),
        (),
        NODE,
        "OutOfexample.com/dongle",
        "requested: 2, used: 0, capacity: 1",
    ),
    (
        "unknown resource",
        pod("a", container=asks(gpu="1")),
        (),
        NODE,
        "OutOfgpu",
        "requested: 1, used: 0, capacity: 0",
    ),
    (
        "selector",
        pod("a", nodeSelector={"disk": "hdd"}),
        (),
        NODE,
        "NodeAffinity",
        "didn't match Pod's node affinity/selector",
    ),
    ("selector fits", pod("a", nodeSelector={"disk": "ssd"}), (), NODE, "", ""),
    ("affinity", pod("a", affinity=terms("disk", "NotIn", "ssd")), (), NODE, "NodeAffinity", "didn't match"),
    ("affinity fits", pod("a", affinity=terms("disk", "In", "ssd", "hdd")), (), NODE, "", ""),
    (
        "port",
        pod("a", container=PORT),
        (pod("b", container=PORT),),
        NODE,
        "NodePorts",
        "didn't have free ports",
    ),
    (
        "other address",
        pod("a", container={"ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.1"}]}),
        (pod("b", container={"ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.2"}]}),),
        NODE,
        "",
        "",
    ),
    (
        "other protocol",
        pod("a", container={"ports": [{"containerPort": 80, "hostPort": 8080, "protocol": "UDP"}]}),
        (pod("b", container=PORT),),
        NODE,
        "",
        "",
    ),
    (
        "host network",
        pod("a", hostNetwork=True, container={"ports": [{"containerPort": 8080}]}),
        (pod("b", container=PORT),),
        NODE,
        "NodePorts",
        "free ports",
    ),
    (
        "taint",
        pod("a", tolerations=[]),
        (),
        NODE,
        "TaintToleration",
        "had taints that the pod didn't tolerate",
    ),
    (
        "wrong value",
        pod("a", tolerations=[{"key": "maintenance", "value": "later"}]),
        (),
        NODE,
        "TaintToleration",
        "taints",
    ),
    ("right value", pod("a", tolerations=[{"key": "maintenance", "value": "now"}]), (), NODE, "", ""),
    ("everything", pod("a", tolerations=[{"operator": "Exists"}]), (), NODE, "", ""),
    ("os", pod("a", os={"name": "windows"}), (), NODE, "PodOSNotSupported", "OS field doesn't match node OS"),
    (
        "os label",
        pod("a", nodeSelector={"kubernetes.io/os": "windows"}),
        (),
        NODE,
        "PodOSSelectorNodeLabelDoesNotMatch",
        "label",
    ),
    (
        "disk pressure",
        pod("a"),
        (),
        replace(NODE, pressures=frozenset({"DiskPressure"})),
        "Evicted",
        "condition: [DiskPressure]",
    ),
    (
        "memory pressure",
        pod("a"),
        (),
        replace(NODE, pressures=frozenset({"MemoryPressure"})),
        "Evicted",
        "[MemoryPressure]",
    ),
    (
        "asked for memory",
        pod("a", container=asks(memory="1Mi")),
        (),
        replace(NODE, pressures=frozenset({"MemoryPressure"})),
        "",
        "",
    ),
    (
        "critical",
        pod("a", priority=2_000_000_000),
        (),
        replace(NODE, pressures=frozenset({"DiskPressure"})),
        "",
        "",
    ),
    ("shutdown", pod("a"), (), replace(NODE, is_shutting_down=True), "NodeShutdown", "node is shutting down"),
    ("static", pod("a", origin=Origin.FILE, tolerations=[], container=asks(cpu="9")), (), NODE, "", ""),
    (
        "static elsewhere",
        pod("a", origin=Origin.FILE, nodeSelector={"disk": "hdd"}),
        (),
        NODE,
        "NodeAffinity",
        "selector",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "others", "node", "reason", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_who_fits(
    wanted: DesiredPod, others: tuple[DesiredPod, ...], node: NodeView, reason: str, words: str
) -> None:
    found = refusal_of(wanted, others, node)
    assert (found.reason if found else "") == reason
    assert words in (found.message if found else "")


def snapshot(*pods: DesiredPod) -> Snapshot:
    return Snapshot({each.key: each for each in pods})


def refused(found: Snapshot) -> dict[str, str]:
    return {key.name: pod.refusal.reason for key, pod in found.pods.items() if pod.refusal}


def test_the_oldest_come_first_and_nobody_loses_a_place() -> None:
    admission = Admission(lambda: NODE)
    old, young = (
        pod(name, made=age, container=asks(cpu="1500m")) for name, age in (("old", 1), ("young", 2))
    )
    assert refused(admission.admit(snapshot(young, old))) == {"young": "OutOfcpu"}
    # A third one that is older than both does not take a place that was given.
    oldest = pod("oldest", made=0, container=asks(cpu="1500m"))
    assert refused(admission.admit(snapshot(young, old, oldest))) == {
        "young": "OutOfcpu",
        "oldest": "OutOfcpu",
    }
    # Refused is refused, also when there would be room again.
    assert refused(admission.admit(snapshot(young))) == {"young": "OutOfcpu"}


def test_after_a_restart_of_the_agent_running_pods_keep_their_places() -> None:
    running = pod("running", made=9, phase="Running", container=asks(cpu="1500m"))
    waiting = pod("waiting", made=1, container=asks(cpu="1500m"))
    assert refused(Admission(lambda: NODE).admit(snapshot(waiting, running))) == {"waiting": "OutOfcpu"}


def test_a_pod_that_is_over_takes_no_place_and_is_not_asked_again() -> None:
    done = pod("done", phase="Succeeded", container=asks(cpu="2"))
    failed = pod("failed", phase="Failed", nodeSelector={"disk": "none"})
    assert (
        refused(Admission(lambda: NODE).admit(snapshot(done, failed, pod("new", container=asks(cpu="2")))))
        == {}
    )


def test_a_refusal_stays_when_the_api_server_tells_it_and_after_a_restart() -> None:
    admission = Admission(lambda: NODE)
    new = pod("a", nodeSelector={"disk": "none"})
    refusal = admission.admit(snapshot(new)).pods[new.key].refusal
    assert refusal is not None
    told = pod("a", phase="Failed", nodeSelector={"disk": "none"})
    assert told.pod.status is not None
    told.pod.status.reason, told.pod.status.message = refusal.reason, f"Pod was rejected: {refusal.message}"
    for each in (admission, Admission(lambda: NODE)):
        assert each.admit(snapshot(told)).pods[new.key].refusal == refusal
