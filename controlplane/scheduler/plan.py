# SPDX-License-Identifier: Apache-2.0
"""Where a pod goes; pure."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from controlplane.scheduler.filters import affinity, objections, taints
from controlplane.scheduler.index import PodIndex
from controlplane.scheduler.model import Choice, NodeState, PodInfo, Unschedulable
from controlplane.scheduler.scores import total
from controlplane.scheduler.surroundings import NONE, Surroundings, surroundings

# Up to so many nodes all are looked at.
_ALWAYS_ALL: Final = 100


def decide(pod: PodInfo, nodes: Mapping[str, NodeState], index: PodIndex) -> Choice | Unschedulable:
    """schedule() among these nodes by name, with the pods of the index on them."""
    eligible = {}
    if pod.spread:
        eligible = {name: (not affinity(pod, node), not taints(pod, node)) for name, node in nodes.items()}
    offered = list(nodes.values())
    # Where there are so many that not all are looked at, each pod begins elsewhere.
    begin = zlib.crc32(pod.uid.encode()) % len(offered) if len(offered) > _ALWAYS_ALL else 0
    around = surroundings(pod, nodes, index, eligible)
    return schedule(pod, (*offered[begin:], *offered[:begin]), around)


def enough(nodes: int) -> int:
    """How many that can take the pod are compared, of so many nodes: kube-scheduler's percentageOfNodesToScore."""
    percent = max(5, 50 - nodes // 125)
    return max(_ALWAYS_ALL, nodes * percent // 100)


def schedule(pod: PodInfo, nodes: Sequence[NodeState], around: Surroundings = NONE) -> Choice | Unschedulable:
    """The best of the nodes that can take the pod, or why none can. around: what other pods mean for it.

    Among equals the one with fewer pods wins, then one that pod and node together decide, so that the same question
    has the same answer and yet not every pod goes to the first node.
    """
    reasons: Counter[str] = Counter()
    best: tuple[tuple[int, int, int], NodeState] | None = None
    feasible, most = 0, enough(len(nodes))
    for node in nodes:
        if found := objections(pod, node, around):
            reasons.update(found)
            continue
        feasible += 1
        rank = (total(pod, node, around), -node.pods, zlib.crc32(f"{pod.uid}/{node.name}".encode()))
        if best is None or rank > best[0]:
            best = rank, node
        if feasible == most:
            break
    if best is None:
        return Unschedulable(len(nodes), dict(reasons))
    return Choice(best[1].name, best[0][0], feasible)
