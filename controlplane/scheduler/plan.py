# SPDX-License-Identifier: Apache-2.0
"""Where a pod goes; pure."""

import zlib
from collections import Counter
from collections.abc import Iterable

from controlplane.scheduler.filters import objections
from controlplane.scheduler.model import Choice, NodeState, PodInfo, Unschedulable
from controlplane.scheduler.scores import total


def schedule(pod: PodInfo, nodes: Iterable[NodeState]) -> Choice | Unschedulable:
    """The best of the nodes that can take the pod, or why none can.

    Among equals the one with fewer pods wins, then one that pod and node together decide, so that the same question
    has the same answer and yet not every pod goes to the first node.
    """
    reasons: Counter[str] = Counter()
    best: tuple[tuple[int, int, int], NodeState] | None = None
    seen = feasible = 0
    for node in nodes:
        seen += 1
        if found := objections(pod, node):
            reasons.update(found)
            continue
        feasible += 1
        rank = (total(pod, node), -node.pods, zlib.crc32(f"{pod.uid}/{node.name}".encode()))
        if best is None or rank > best[0]:
            best = rank, node
    if best is None:
        return Unschedulable(seen, dict(reasons))
    return Choice(best[1].name, best[0][0], feasible)
