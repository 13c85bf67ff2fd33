# SPDX-License-Identifier: Apache-2.0
"""Pods that want to be near others, away from others, or spread evenly."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.scheduler.cache import Cache
from controlplane.scheduler.index import PodIndex
from controlplane.scheduler.model import Choice
from controlplane.scheduler.plan import decide
from controlplane.scheduler.read import pod_info
from tests.unit.scheduler.test_schedule import node

Json = dict[str, Any]

ZONES = {"n1": "a", "n2": "a", "n3": "b", "n4": "c"}


def pod(name: str, labels: Json | None = None, namespace: str = "default", **spec: Any) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": labels or {}},
        "spec": {"containers": [{"name": "c"}], **spec},
    }


def term(app: str, key: str = "zone", **more: Any) -> Json:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def near(*terms: Json) -> Json:
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def apart(*terms: Json) -> Json:
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def wish(kind: str, weight: int, wanted: Json) -> Json:
    field = "preferredDuringSchedulingIgnoredDuringExecution"
    return {"affinity": {kind: {field: [{"weight": weight, "podAffinityTerm": wanted}]}}}


def spread(skew: int = 1, key: str = "zone", app: str = "web", **more: Any) -> Json:
    rule = {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}},
    }
    return {"topologySpreadConstraints": [{**rule, **more}]}


class World:
    """Nodes by zone, and what is on them."""

    def __init__(self, zones: dict[str, str] = ZONES, **placed: list[Json]) -> None:
        self.cache = Cache()
        for name, zone in zones.items():
            labels = {"zone": zone, "kubernetes.io/hostname": name} if zone else {}
            self.cache.set_node(node(name, labels=labels, pods="100"))
        self.cache.index.namespaces = {"default": {}, "shop": {"team": "blue"}}
        for name, pods in placed.items():
            for each in pods:
                self.cache.place(pod_info(each), name)

    def ask(self, asked: Json) -> str:
        """The node, or why there is none."""
        decision = decide(pod_info(asked), self.cache.states, self.cache.index)
        return decision.node if isinstance(decision, Choice) else str(decision)

    def where(self, asked: Json) -> set[str]:
        """Every node that could take it."""
        states = self.cache.states
        full = {
            name: replace(state, allocatable={**state.allocatable, "pods": 0})
            for name, state in states.items()
        }
        found = set()
        for name in states:
            decision = decide(pod_info(asked), {**full, name: states[name]}, self.cache.index)
            if isinstance(decision, Choice):
                found.add(decision.node)
        return found


WEB = {"app": "web"}

CASES: list[tuple[str, World, Json, set[str]]] = [
    ("beside", World(n1=[pod("a", WEB)]), pod("x", **near(term("web"))), {"n1", "n2"}),
    (
        "on the same node",
        World(n1=[pod("a", WEB)]),
        pod("x", **near(term("web", "kubernetes.io/hostname"))),
        {"n1"},
    ),
    ("beside nobody", World(), pod("x", **near(term("web"))), set()),
    ("the first of its kind", World(), pod("x", WEB, **near(term("web"))), set(ZONES)),
    ("of another namespace", World(n1=[pod("a", WEB, "shop")]), pod("x", **near(term("web"))), set()),
    (
        "of a named namespace",
        World(n1=[pod("a", WEB, "shop")]),
        pod("x", **near(term("web", namespaces=["shop"]))),
        {"n1", "n2"},
    ),
    (
        "of chosen namespaces",
        World(n1=[pod("a", WEB, "shop")]),
        pod("x", **near(term("web", namespaceSelector={"matchLabels": {"team": "blue"}}))),
        {"n1", "n2"},
    ),
    (
        "of all namespaces",
        World(n4=[pod("a", WEB, "shop")]),
        pod("x", **near(term("web", namespaceSelector={}))),
        {"n4"},
    ),
    (
        "all terms by one pod",
        World(n1=[pod("a", WEB)], n3=[pod("b", {**WEB, "tier": "db"})]),
        pod(
            "x",
            **near(term("web"), {"topologyKey": "zone", "labelSelector": {"matchLabels": {"tier": "db"}}}),
        ),
        {"n3"},
    ),
    ("apart", World(n1=[pod("a", WEB)]), pod("x", **apart(term("web"))), {"n3", "n4"}),
    (
        "apart from what wants to be apart",
        World(n3=[pod("a", {"app": "db"}, **apart(term("web")))]),
        pod("x", WEB),
        {"n1", "n2", "n4"},
    ),
    (
        "a pod that goes still keeps others away",
        World(n4=[{**pod("a", WEB), "metadata": {**pod("a", WEB)["metadata"], "deletionTimestamp": "x"}}]),
        pod("x", **apart(term("web"))),
        {"n1", "n2", "n3"},
    ),
    (
        "of the same revision only",
        World(n1=[pod("a", {**WEB, "rev": "1"})], n3=[pod("b", {**WEB, "rev": "2"})]),
        pod("x", {**WEB, "rev": "2"}, **apart(term("web", matchLabelKeys=["rev"]))),
        {"n1", "n2", "n4"},
    ),
    ("spread", World(n1=[pod("a", WEB)], n3=[pod("b", WEB)]), pod("x", WEB, **spread()), {"n4"}),
    (
        "spread with more skew",
        World(n1=[pod("a", WEB)], n3=[pod("b", WEB)]),
        pod("x", WEB, **spread(2)),
        set(ZONES),
    ),
    ("spread of others", World(n1=[pod("a", WEB)]), pod("x", **spread()), set(ZONES)),
    (
        "spread of others, too many",
        World(n1=[pod("a", WEB), pod("b", WEB)]),
        pod("x", **spread()),
        {"n3", "n4"},
    ),
    ("spread without a label", World({"n1": "a", "n9": ""}), pod("x", WEB, **spread()), {"n1"}),
    (
        "too few domains",
        World(n1=[pod("a", WEB)], n3=[pod("b", WEB)], n4=[pod("c", WEB)]),
        pod("x", WEB, **spread(minDomains=4)),
        set(),
    ),
    (
        "only nodes that it may go to count",
        World(n1=[pod("a", WEB)]),
        pod("x", WEB, nodeSelector={"zone": "a"}, **spread()),
        {"n1", "n2"},
    ),
    (
        "all nodes count",
        World(n1=[pod("a", WEB)]),
        pod("x", WEB, nodeSelector={"zone": "a"}, **spread(nodeAffinityPolicy="Ignore")),
        set(),
    ),
    (
        "pods that go are not counted",
        World(n1=[{**pod("a", WEB), "metadata": {**pod("a", WEB)["metadata"], "deletionTimestamp": "x"}}]),
        pod("x", WEB, **spread()),
        set(ZONES),
    ),
]


@pytest.mark.parametrize("row", CASES, ids=[row[0] for row in CASES])
def test_where_it_can_go(row: tuple[str, World, Json, set[str]]) -> None:
    _, world, asked, possible = row
    assert world.where(asked) == possible


@pytest.mark.parametrize(
    ("world", "asked", "words"),
    [
        (World(), pod("x", **near(term("web"))), "4 node(s) didn't match pod affinity rules"),
        (
            World({"n1": "a"}, n1=[pod("a", WEB)]),
            pod("x", **apart(term("web"))),
            "1 node(s) didn't match pod anti-affinity rules",
        ),
        (
            World({"n1": "a"}, n1=[pod("a", **apart(term("web")))]),
            pod("x", WEB),
            "1 node(s) didn't satisfy existing pods anti-affinity rules",
        ),
        (
            World({"n1": "a", "n9": ""}, n1=[pod("a", WEB)]),
            pod("x", WEB, **spread(minDomains=2)),
            "1 node(s) didn't match pod topology spread constraints (missing required label), "
            "1 node(s) didn't match pod topology spread constraints",
        ),
    ],
)
def test_why_nowhere(world: World, asked: Json, words: str) -> None:
    told = world.ask(asked)
    assert told.startswith(f"0/{len(world.cache.states)} nodes are available: ")
    assert sorted(told.partition(": ")[2].rstrip(".").split(", ")) == sorted(words.split(", "))


@pytest.mark.parametrize(
    ("asked", "nodes"),
    [
        (pod("x", **wish("podAffinity", 10, term("web"))), {"n1", "n2"}),
        (pod("x", **wish("podAntiAffinity", 10, term("web"))), {"n3", "n4"}),
        (pod("x", WEB, **spread(whenUnsatisfiable="ScheduleAnyway")), {"n3", "n4"}),
        # The one that is there wants this one beside it.
        (pod("x", {"app": "cache"}), {"n1", "n2"}),
    ],
)
def test_wishes(asked: Json, nodes: set[str]) -> None:
    drawn = pod("a", WEB, **wish("podAffinity", 50, term("cache")))
    assert World(n1=[drawn]).ask(asked) in nodes


def test_images_that_are_there() -> None:
    world = World({"n1": "a", "n2": "a", "n3": "a"})
    there = node("n2", labels={"zone": "a"}, pods="100")
    there["status"]["images"] = [{"names": ["example.com/big:latest"], "sizeBytes": 900 << 20}]
    world.cache.set_node(there)
    asked = pod("x")
    asked["spec"]["containers"][0]["image"] = "example.com/big"
    assert world.ask(asked) == "n2"


@given(st.integers(1, 30), st.integers(1, 3))
def test_a_workload_is_spread_evenly(pods: int, skew: int) -> None:
    world = World()
    counts: Counter[str] = Counter(dict.fromkeys(ZONES.values(), 0))
    for number in range(pods):
        info = pod_info(pod(f"p{number}", WEB, **spread(skew)))
        decision = decide(info, world.cache.states, world.cache.index)
        assert isinstance(decision, Choice)
        world.cache.place(info, decision.node, assumed=True)
        counts[ZONES[decision.node]] += 1
        assert max(counts.values()) - min(counts.values()) <= skew


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["n1", "n2"]), st.booleans()), max_size=20))
def test_the_index_forgets_what_it_was_told(steps: list[tuple[str, str, bool]]) -> None:
    index = PodIndex()
    infos = [
        (pod_info(pod(f"p{number}", {"app": app}, **(apart(term("x")) if far else near(term("y"))))), where)
        for number, (app, where, far) in enumerate(steps)
    ]
    for info, where in infos:
        index.add(info, where)
    assert sum(sum(nodes.values()) for nodes in index.groups.values()) == len(steps)
    for info, where in infos:
        index.remove(info, where)
    assert (index.groups, index.apart, index.drawing) == ({}, {}, {})
