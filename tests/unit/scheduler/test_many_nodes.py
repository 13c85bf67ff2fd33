# SPDX-License-Identifier: Apache-2.0
"""Of many nodes enough are compared, and all are looked at before a pod is refused."""

import pytest

from controlplane.scheduler.index import PodIndex
from controlplane.scheduler.model import Choice, NodeState, PodInfo, Unschedulable
from controlplane.scheduler.plan import decide, enough
from controlplane.scheduler.read import node_state, pod_info
from tests.unit.scheduler.test_schedule import node, pod


@pytest.mark.parametrize(
    ("nodes", "compared"), [(1, 100), (100, 100), (250, 120), (1000, 420), (5000, 500), (10000, 500)]
)
def test_how_many(nodes: int, compared: int) -> None:
    assert enough(nodes) == compared


def test_the_only_node_that_fits_is_found_and_refusals_count_all() -> None:
    states = {f"n{number}": node_state(node(f"n{number}", cpu="1")) for number in range(500)}
    asked = pod_info(pod("big", {"cpu": "2"}))
    refused = decide(asked, states, PodIndex())
    assert isinstance(refused, Unschedulable)
    assert str(refused) == "0/500 nodes are available: 500 Insufficient cpu."
    states["n250"] = node_state(node("n250", cpu="4"))
    assert decide(asked, states, PodIndex()) == Choice("n250", score=decide_score(states, asked), feasible=1)


def decide_score(states: dict[str, NodeState], asked: PodInfo) -> int:
    found = decide(asked, {"n250": states["n250"]}, PodIndex())
    assert isinstance(found, Choice)
    return found.score
