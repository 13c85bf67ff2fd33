# SPDX-License-Identifier: Apache-2.0
"""How well a node suits a pod that it can take: each score is 0 to 100, more is better."""

from collections.abc import Callable
from typing import Final

from controlplane.scheduler.model import NodeState, PodInfo
from controlplane.scheduler.surroundings import NONE, Surroundings

Score = Callable[[PodInfo, NodeState], int]

BEST: Final = 100
# A pod that asks for nothing still takes something; kube-scheduler counts it so.
_ASSUMED: Final = {"cpu": 100, "memory": 200 << 20}
# Between these sizes an image counts the more the larger it is (kube-scheduler's ImageLocality).
_FEWEST_BYTES: Final = 23 << 20
_MOST_BYTES: Final = 1000 << 20


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
    if not pod.preferred:
        return 0
    total = sum(weight for weight, _ in pod.preferred)
    matched = sum(weight for weight, term in pod.preferred if term.matches(node))
    return BEST * matched // total if total else 0


def few_soft_taints(pod: PodInfo, node: NodeState) -> int:
    """Fewer untolerated PreferNoSchedule taints."""
    if not node.taints:
        return BEST
    soft = [taint for taint in node.taints if taint.effect == "PreferNoSchedule"]
    borne = sum(any(item.tolerates(taint) for item in pod.tolerations) for taint in soft)
    return BEST // (1 + len(soft) - borne)


def images_there(pod: PodInfo, node: NodeState) -> int:
    """How much of the pod's images need not be pulled; too little to matter is 0, more than enough 100."""
    if not node.images:
        return 0
    there = sum(node.images.get(image, 0) for image in pod.images)
    most = _MOST_BYTES * len(pod.images)
    return max(0, min(BEST, BEST * (there - _FEWEST_BYTES) // (most - _FEWEST_BYTES)))


# kube-scheduler's default weights.
WEIGHTS: Final[tuple[tuple[int, Score], ...]] = (
    (3, few_soft_taints),
    (2, preferred_affinity),
    (1, least_allocated),
    (1, balanced),
    (1, images_there),
)


# Of the scores that Surroundings has by node: pod affinity and topology spread.
_OF_OTHERS: Final = 2


def total(pod: PodInfo, node: NodeState, around: Surroundings = NONE) -> int:
    """The weighted sum."""
    own = sum(weight * score(pod, node) for weight, score in WEIGHTS)
    if around is NONE:
        return own
    return own + _OF_OTHERS * (around.draw.get(node.name, 0) + around.room.get(node.name, 0))
