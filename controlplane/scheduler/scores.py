# SPDX-License-Identifier: Apache-2.0
"""How well a node suits a pod that it can take: each score is 0 to 100, more is better."""

from collections.abc import Callable
from typing import Final

from controlplane.scheduler.model import NodeState, PodInfo

Score = Callable[[PodInfo, NodeState], int]

BEST: Final = 100
# A pod that asks for nothing still takes something; kube-scheduler counts it so.
_ASSUMED: Final = {"cpu": 100, "memory": 200 << 20}


def _fractions(pod: PodInfo, node: NodeState) -> list[float]:
    """The parts of the node's cpu and memory that would be taken, each at most 1."""
    found = []
    for name, assumed in _ASSUMED.items():
        total = node.allocatable.get(name, 0)
        if total > 0:
            taken = node.used.get(name, 0) + (pod.requests.get(name) or assumed)
            found.append(min(taken / total, 1.0))
    return found


def least_allocated(pod: PodInfo, node: NodeState) -> int:
    """Emptier nodes first."""
    taken = _fractions(pod, node)
    return round(BEST * sum(1 - part for part in taken) / len(taken)) if taken else 0


def balanced(pod: PodInfo, node: NodeState) -> int:
    """Nodes of which cpu and memory would be taken alike."""
    taken = _fractions(pod, node)
    return round(BEST * (1 - abs(taken[0] - taken[1]) / 2)) if len(taken) == 2 else 0


def preferred_affinity(pod: PodInfo, node: NodeState) -> int:
    """The weights of the preferred node affinity terms that match, out of all."""
    total = sum(weight for weight, _ in pod.preferred)
    matched = sum(weight for weight, term in pod.preferred if term.matches(node))
    return BEST * matched // total if total else 0


def few_soft_taints(pod: PodInfo, node: NodeState) -> int:
    """Fewer untolerated PreferNoSchedule taints."""
    soft = [taint for taint in node.taints if taint.effect == "PreferNoSchedule"]
    borne = sum(any(item.tolerates(taint) for item in pod.tolerations) for taint in soft)
    return BEST // (1 + len(soft) - borne)


# kube-scheduler's default weights.
WEIGHTS: Final[tuple[tuple[int, Score], ...]] = (
    (3, few_soft_taints),
    (2, preferred_affinity),
    (1, least_allocated),
    (1, balanced),
)


def total(pod: PodInfo, node: NodeState) -> int:
    """The weighted sum."""
    return sum(weight * score(pod, node) for weight, score in WEIGHTS)
