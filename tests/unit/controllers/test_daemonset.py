# SPDX-License-Identifier: Apache-2.0
"""Where a DaemonSet's pods are, how they are replaced, and what is remembered of its templates."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.controllers import daemonrollout, history, meta
from controlplane.controllers.daemonplaces import HASH_LABEL, astray, places, pod_for, target
from controlplane.controllers.daemonrollout import Daemons
from controlplane.controllers.operations import Create, Delete, Patch
from controlplane.scheduler.filters import objections
from controlplane.scheduler.read import node_state, pod_info
from kube.events import Happening
from tests.unit.controllers.objects import NOW, at, going, metadata, node, pod

Json = dict[str, Any]


def daemons(strategy: Json | None = None, image: str = "one", **spec: Any) -> Json:
    template = {
        "metadata": {"labels": {"app": "logs"}},
        "spec": {"containers": [{"name": "c", "image": image}], **spec},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": metadata("logs", generation=1, annotations={"kubernetes.io/change-cause": "first"}),
        "spec": {
            "selector": {"matchLabels": {"app": "logs"}},
            "template": template,
            "updateStrategy": strategy or {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        },
    }


def tainted(name: str, effect: str, key: str = "dedicated") -> Json:
    return node(name, spec={"taints": [{"key": key, "effect": effect}]})


@pytest.mark.parametrize(
    ("spec", "where", "wanted", "stays"),
    [
        ({}, node("n"), True, True),
        ({"nodeSelector": {"disk": "ssd"}}, node("n"), False, False),
        ({"nodeName": "n"}, node("n"), True, True),
        ({"nodeName": "m"}, node("n"), False, False),
        ({}, tainted("n", "NoSchedule"), False, True),
        ({}, tainted("n", "NoExecute"), False, False),
        ({}, tainted("n", "PreferNoSchedule"), True, True),
        ({"tolerations": [{"operator": "Exists"}]}, tainted("n", "NoExecute"), True, True),
        ({}, tainted("n", "NoExecute", "node.kubernetes.io/unreachable"), True, True),
        ({}, tainted("n", "NoSchedule", "node.kubernetes.io/disk-pressure"), True, True),
        ({}, tainted("n", "NoSchedule", "node.kubernetes.io/network-unavailable"), False, True),
        (
            {"hostNetwork": True},
            tainted("n", "NoSchedule", "node.kubernetes.io/network-unavailable"),
            True,
            True,
        ),
        ({}, node("n", spec={"unschedulable": True}), True, True),
    ],
)
def test_where_it_wants_a_pod(spec: Json, where: Json, wanted: bool, stays: bool) -> None:
    (place,) = places(daemons(**spec), [where], [])
    assert (place.wanted, place.stays) == (wanted, stays)


def test_a_pod_can_only_go_to_its_node_and_bears_the_nodes_troubles() -> None:
    wish = {"weight": 1, "preference": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}
    ours = {
        "podAntiAffinity": {},
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]},
    }
    made = pod_for(daemons(affinity=ours), "n2", "abc")
    assert target(made) == "n2"
    assert made["metadata"]["labels"] == {"app": "logs", HASH_LABEL: "abc"}
    assert made["spec"]["affinity"]["podAntiAffinity"] == {}
    assert made["spec"]["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == [
        wish
    ]
    info = pod_info({**made, "metadata": {**made["metadata"], "name": "p"}})
    cordoned = {"spec": {"unschedulable": True}}
    assert objections(info, node_state(node("n2", **cordoned))) == ()
    assert objections(info, node_state(node("n1"))) == ("node(s) didn't match Pod's node affinity/selector",)


class Cluster:
    """Nodes, the pods on them, and the controller's rounds."""

    def __init__(self, obj: Json, nodes: int) -> None:
        self.obj, self.nodes = obj, [node(f"n{number}") for number in range(nodes)]
        self.pods: dict[str, Json] = {}
        self.revisions: list[Json] = []
        self._numbers = itertools.count()

    def view(self) -> Daemons:
        if step := history.advance(self.obj, self.revisions):
            self._note(step)
        now = history.current(self.obj, self.revisions)
        assert now is not None
        return Daemons(self.obj, history.hash_of(now), NOW)

    def _note(self, step: object) -> None:
        if isinstance(step, Create):
            made = copy.deepcopy(step.obj)
            made["metadata"] = {**metadata("x"), **made["metadata"]}
            self.revisions.append(made)
        elif isinstance(step, Patch):
            (found,) = [item for item in self.revisions if item["metadata"]["name"] == step.name]
            found["revision"] = step.patch["revision"]

    def round(self) -> int:
        view = self.view()
        operations = daemonrollout.plan(view, places(self.obj, self.nodes, self.pods.values()))
        for step in operations:
            if isinstance(step, Create):
                name = f"logs-{next(self._numbers)}"
                made = copy.deepcopy(step.obj)
                made["metadata"] = {**metadata(name), **made["metadata"], "name": name}
                made["spec"]["nodeName"] = target(made)
                self.pods[name] = {"apiVersion": "v1", "kind": "Pod", **made}
            elif isinstance(step, Delete):
                del self.pods[step.obj["metadata"]["name"]]
        return len(operations)

    def become_ready(self, name: str) -> None:
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": at(-100)}
        self.pods[name] = {**self.pods[name], "status": {"phase": "Running", "conditions": [ready]}}

    @property
    def unready(self) -> list[str]:
        return [name for name, each in self.pods.items() if "status" not in each]

    def status(self) -> Json:
        return daemonrollout.status(self.view(), places(self.obj, self.nodes, self.pods.values()))

    def settle(self) -> None:
        for _ in range(200):
            if not self.round() and not self.unready:
                return
            for name in self.unready:
                self.become_ready(name)
        raise AssertionError("it does not come to rest")

    def change(self, image: str) -> None:
        self.obj = copy.deepcopy(self.obj)
        self.obj["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.obj["metadata"]["generation"] += 1

    def images(self) -> dict[str, str]:
        return {
            each["spec"]["nodeName"]: each["spec"]["containers"][0]["image"] for each in self.pods.values()
        }


def test_nodes_come_and_go() -> None:
    cluster = Cluster(daemons(), 3)
    cluster.settle()
    assert len(cluster.pods) == 3
    assert cluster.status() == {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
        "numberReady": 3,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
        "observedGeneration": 1,
    }
    cluster.nodes.append(node("n9"))
    cluster.settle()
    assert set(cluster.images()) == {"n0", "n1", "n2", "n9"}
    cluster.nodes[0] = tainted("n0", "NoSchedule")
    cluster.settle()
    assert (len(cluster.pods), cluster.status()["numberMisscheduled"]) == (4, 1)
    cluster.nodes[0] = tainted("n0", "NoExecute")
    cluster.settle()
    assert set(cluster.images()) == {"n1", "n2", "n9"}


def test_one_pod_a_node_and_those_that_end_are_replaced_with_patience() -> None:
    obj = daemons()
    owned = [pod(f"p{number}", owner=obj, node="n0", labels={HASH_LABEL: "h"}) for number in range(3)]
    view = Daemons(obj, "h", NOW)
    removed = [
        step.obj["metadata"]["name"]
        for step in daemonrollout.plan(view, places(obj, [node("n0")], owned))
        if isinstance(step, Delete)
    ]
    assert removed == ["p1", "p2"]
    failed = [pod("p0", owner=obj, node="n0", phase="Failed", labels={HASH_LABEL: "h"})]
    steps = daemonrollout.plan(view, places(obj, [node("n0")], failed))
    assert [type(step) for step in steps] == [Happening, Delete]
    patient = Daemons(obj, "h", NOW, lambda _: False)
    assert daemonrollout.plan(patient, places(obj, [node("n0")], failed)) == []
    # One that goes keeps its place until it is gone.
    leaving = places(obj, [node("n0")], [going(owned[0])])
    assert daemonrollout.plan(view, leaving) == []
    assert daemonrollout.plan(Daemons(going(obj), "h", NOW), places(obj, [node("n0")], [])) == []


def test_on_delete_only_replaces_what_people_remove() -> None:
    cluster = Cluster(daemons({"type": "OnDelete"}), 3)
    cluster.settle()
    cluster.change("two")
    cluster.settle()
    assert set(cluster.images().values()) == {"one"}
    del cluster.pods[next(iter(cluster.pods))]
    cluster.settle()
    assert sorted(cluster.images().values()) == ["one", "one", "two"]
    assert cluster.status()["updatedNumberScheduled"] == 1


def test_an_update_that_does_not_become_ready_stops() -> None:
    cluster = Cluster(daemons({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}), 4)
    cluster.settle()
    cluster.change("broken")
    for _ in range(20):
        cluster.round()
    assert sorted(cluster.images().values()) == ["broken", "broken", "one", "one"]
    # What serves nobody is replaced at once.
    cluster.change("three")
    for _ in range(20):
        cluster.round()
    assert sorted(cluster.images().values()) == ["one", "one", "three", "three"]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6),
    st.sampled_from(
        [
            {"maxUnavailable": 1},
            {"maxUnavailable": 3},
            {"maxUnavailable": "34%"},
            {"maxSurge": 1, "maxUnavailable": 0},
            {"maxSurge": "50%", "maxUnavailable": 0},
        ]
    ),
    st.data(),
)
def test_a_rollout_keeps_its_limits_and_ends(nodes: int, rolling: Json, data: st.DataObject) -> None:
    cluster = Cluster(daemons({"type": "RollingUpdate", "rollingUpdate": rolling}), nodes)
    cluster.settle()
    cluster.change("two")
    most_gone = 0 if rolling.get("maxSurge") else cluster_limit(rolling["maxUnavailable"], nodes)
    most_more = cluster_limit(rolling.get("maxSurge", 0), nodes)
    for _ in range(60):
        cluster.round()
        served = {
            each["spec"]["nodeName"] for name, each in cluster.pods.items() if name not in cluster.unready
        }
        assert nodes - len(served) <= most_gone
        assert len(cluster.pods) <= nodes + most_more
        if waiting := cluster.unready:
            cluster.become_ready(data.draw(st.sampled_from(waiting)))
    assert set(cluster.images().values()) == {"two"}
    assert cluster.status()["numberAvailable"] == cluster.status()["updatedNumberScheduled"] == nodes


def cluster_limit(value: int | str, whole: int) -> int:
    return value if isinstance(value, int) else -(-whole * int(value[:-1]) // 100)


def test_history_grows_comes_back_and_is_cut() -> None:
    cluster = Cluster(daemons(), 1)
    for image in ("one", "two", "three", "one"):
        cluster.change(image)
        cluster.settle()
    numbers = {
        item["data"]["spec"]["template"]["spec"]["containers"][0]["image"]: item["revision"]
        for item in cluster.revisions
    }
    assert numbers == {"one": 4, "two": 2, "three": 3}
    newest = history.current(cluster.obj, cluster.revisions)
    assert newest is not None
    assert newest["data"]["spec"]["template"]["$patch"] == "replace"
    assert newest["metadata"]["annotations"] == {"kubernetes.io/change-cause": "first"}
    cluster.obj["spec"]["revisionHistoryLimit"] = 1
    (gone,) = history.superfluous(cluster.obj, cluster.revisions, ())
    assert isinstance(gone, Delete)
    assert gone.obj["revision"] == 2
    hashes = {history.hash_of(item) for item in cluster.revisions}
    assert len(hashes) == 3
    assert history.superfluous(cluster.obj, cluster.revisions, hashes) == []


def test_pods_for_nodes_that_are_gone() -> None:
    obj = daemons()
    lost = pod_for(obj, "gone", "h")
    lost["metadata"]["name"] = "lost"
    assert astray([node("n0")], [lost, pod("p", owner=obj, node="gone")]) == [lost]
    assert meta.controller_uids(lost) == [obj["metadata"]["uid"]]
