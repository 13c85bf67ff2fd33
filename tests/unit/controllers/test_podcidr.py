# SPDX-License-Identifier: Apache-2.0
import ipaddress
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers.operations import Patch
from controlplane.controllers.podcidr import plan, pools
from kube.events import Happening
from tests.unit.controllers.objects import node

Json = dict[str, Any]


def ranges(operations: list[Any]) -> dict[str, list[str]]:
    return {
        operation.name: operation.patch["spec"]["podCIDRs"]
        for operation in operations
        if isinstance(operation, Patch)
    }


def given_ranges(name: str, *networks: str) -> Json:
    found = node(name)
    found["spec"] = {"podCIDR": networks[0], "podCIDRs": list(networks)} if networks else {}
    return found


def test_each_node_gets_the_next_range_of_each_family() -> None:
    found = plan([node("a"), node("b")], pools(["10.244.0.0/16", "fd00:1::/48"]), {})
    assert ranges(found) == {
        "a": ["10.244.0.0/24", "fd00:1::/64"],
        "b": ["10.244.1.0/24", "fd00:1:0:1::/64"],
    }
    (first, _) = found
    assert isinstance(first, Patch)
    assert first.patch["spec"]["podCIDR"] == "10.244.0.0/24"
    assert first.patch["metadata"]["resourceVersion"]


def test_what_nodes_have_is_respected_also_when_cut_otherwise() -> None:
    nodes = [given_ranges("a", "10.244.0.0/23"), given_ranges("b", "10.244.2.128/25"), node("c")]
    assert ranges(plan(nodes, pools(["10.244.0.0/16"]), {})) == {"c": ["10.244.3.0/24"]}


def test_a_range_comes_again_only_after_all_others() -> None:
    cursors: dict[int, int] = {}
    pool = pools(["10.0.0.0/22"])
    seen = [ranges(plan([node("n")], pool, cursors))["n"][0] for _ in range(5)]
    assert seen == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.0.0/24"]


def test_a_full_pool_is_told_and_a_small_one_is_one_range() -> None:
    nodes = [given_ranges("a", "10.0.0.0/25"), node("b")]
    (told,) = plan(nodes, pools(["10.0.0.0/25"]), {})
    assert isinstance(told, Happening)
    assert (told.reason, told.about) == ("CIDRNotAvailable", nodes[1])


@given(
    st.integers(0, 10_000), st.sampled_from([("10.0.0.0/20",), ("fd00::/60",), ("10.0.0.0/21", "fd00::/61")])
)
def test_no_two_nodes_ever_have_overlapping_ranges(seed: int, cluster: tuple[str, ...]) -> None:
    chance = random.Random(seed)
    nodes: dict[str, Json] = {}
    cursors: dict[int, int] = {}
    for step in range(40):
        if nodes and chance.random() < 0.4:
            del nodes[chance.choice(list(nodes))]
        else:
            nodes[f"n{step}"] = node(f"n{step}")
        if chance.random() < 0.1:
            cursors = {}
        if chance.random() < 0.7:
            for name, networks in ranges(plan(list(nodes.values()), pools(cluster), cursors)).items():
                nodes[name] = given_ranges(name, *networks)
        taken = [
            ipaddress.ip_network(text) for item in nodes.values() for text in item["spec"].get("podCIDRs", ())
        ]
        for index, one in enumerate(taken):
            assert not any(one.version == other.version and one.overlaps(other) for other in taken[:index])
