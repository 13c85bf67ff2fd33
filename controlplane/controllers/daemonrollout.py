# SPDX-License-Identifier: Apache-2.0
"""Which pods of a DaemonSet are made and removed next, and its status; pure.

The rules are those of Kubernetes' documentation of DaemonSet: a pod for each node, the type OnDelete, and RollingUpdate
with maxUnavailable, or with maxSurge, where the new pod is there before the old one goes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.controllers.daemonplaces import HASH_LABEL, Place, pod_for
from controlplane.controllers.operations import Create, Delete, Operation
from controlplane.controllers.rollout import resolve
from kube.events import NORMAL, WARNING, Happening
from kube.kinds import PODS

Json = dict[str, Any]

# At most so many pods are made or removed in one go; the next look does more.
BURST: Final = 250


@dataclass(slots=True)
class Steps:
    """create: nodes that get a pod; remove: pods that go; tell: Events about pods that ended."""

    create: list[str] = field(default_factory=list)
    remove: list[Json] = field(default_factory=list)
    tell: list[Happening] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Daemons:
    """One DaemonSet at one moment; revision is the hash of its template. may_replace says of a node whether a pod that
    ended there may be replaced already."""

    obj: Json
    revision: str
    now: datetime
    may_replace: Callable[[str], bool] = lambda _: True

    def is_new(self, pod: Json) -> bool:
        """Whether the pod is of the current template."""
        return bool((pod["metadata"].get("labels") or {}).get(HASH_LABEL) == self.revision)

    def is_available(self, pod: Json) -> bool:
        """Whether it has been ready long enough."""
        return pods.is_available(pod, self.obj["spec"].get("minReadySeconds", 0), self.now)

    @property
    def surge(self) -> int | str:
        """maxSurge as it is written; 0 with OnDelete."""
        rolling = self.rolling
        return rolling.get("maxSurge", 0) if rolling is not None else 0

    @property
    def rolling(self) -> Json | None:
        """spec.updateStrategy.rollingUpdate; None with OnDelete."""
        strategy = self.obj["spec"].get("updateStrategy") or {}
        return None if strategy.get("type") == "OnDelete" else strategy.get("rollingUpdate") or {}


def plan(daemons: Daemons, places: Sequence[Place]) -> list[Operation]:
    """Deletes, creates, Events. First what is missing or too much, then the next step of an update."""
    if meta.is_going(daemons.obj):
        return []
    steps = Steps()
    for place in places:
        _keep(daemons, place, steps)
    if daemons.rolling is not None:
        _roll(daemons, daemons.rolling, places, steps)
    removed: list[Operation] = [Delete(PODS, pod, told_to=daemons.obj) for pod in steps.remove[:BURST]]
    created: list[Operation] = [
        Create(PODS, pod_for(daemons.obj, node, daemons.revision), told_to=daemons.obj)
        for node in steps.create[:BURST]
    ]
    return [*steps.tell, *removed, *created]


def _keep(daemons: Daemons, place: Place, steps: Steps) -> None:
    """One pod where one is wanted, none where none may stay; one that ended makes room for the next."""
    if not place.stays:
        steps.remove += filter(_lives, place.pods)
        return
    ended = [pod for pod in place.pods if _lives(pod) and pods.is_finished(pod)]
    for pod in ended if daemons.may_replace(place.node) else ():
        steps.remove.append(pod)
        steps.tell.append(_ended(daemons.obj, place.node, pod))
    if place.wanted and not place.pods:
        steps.create.append(place.node)
    running = _running(place)
    doubles = running[1:] if not daemons.surge else _surplus(daemons, running)
    steps.remove += doubles


def _surplus(daemons: Daemons, running: Sequence[Json]) -> list[Json]:
    """With a surge there may be an old and a new one on a node, until the new one is available."""
    new = [pod for pod in running if daemons.is_new(pod)]
    old = [pod for pod in running if not daemons.is_new(pod)]
    surplus = [*new[1:], *old[1:]]
    if new and old and daemons.is_available(new[0]):
        surplus.append(old[0])
    return surplus


def _roll(daemons: Daemons, rolling: Json, places: Sequence[Place], steps: Steps) -> None:
    wanted = [place for place in places if place.wanted]
    surge = resolve(daemons.surge, len(wanted), up=True)
    outdated = [
        (place, running[0])
        for place in wanted
        if len(running := _running(place)) == 1 and not daemons.is_new(running[0])
    ]
    # What serves nobody is replaced whatever the limits say.
    broken = [(place, pod) for place, pod in outdated if not daemons.is_available(pod)]
    serving = [(place, pod) for place, pod in outdated if daemons.is_available(pod)]
    if surge:
        under_way = sum(len(_running(place)) > 1 for place in wanted)
        room = max(0, surge - under_way)
        steps.create += [place.node for place, _ in (*broken, *serving[:room]) if _is_calm(place)]
        return
    unavailable = resolve(rolling.get("maxUnavailable", 1), len(wanted), up=True)
    missing = sum(not _is_served(daemons, place) for place in wanted)
    room = max(0, unavailable - missing)
    steps.remove += [pod for _, pod in (*broken, *serving[:room])]


def _is_served(daemons: Daemons, place: Place) -> bool:
    running = _running(place)
    return len(running) == 1 and daemons.is_available(running[0])


def _is_calm(place: Place) -> bool:
    return all(map(_lives, place.pods))


def _lives(pod: Json) -> bool:
    return not meta.is_going(pod)


def _running(place: Place) -> list[Json]:
    return [pod for pod in place.pods if _lives(pod) and not pods.is_finished(pod)]


def _ended(daemons: Json, node: str, pod: Json) -> Happening:
    failed = pods.phase(pod) == "Failed"
    reason, kind = ("FailedDaemonPod", WARNING) if failed else ("SucceededDaemonPod", NORMAL)
    text = f"Pod {pod['metadata']['name']} on node {node} has ended ({pods.phase(pod)}) and is replaced"
    return Happening(daemons, kind, reason, text)


def status(daemons: Daemons, places: Iterable[Place]) -> Json:
    """The status; of several pods on a node the oldest counts."""
    counts = dict.fromkeys(_COUNTS, 0)
    for place in places:
        if not place.wanted:
            counts["numberMisscheduled"] += bool(place.pods)
            continue
        counts["desiredNumberScheduled"] += 1
        counts["currentNumberScheduled"] += bool(place.pods)
        for pod in place.pods[:1]:
            counts["updatedNumberScheduled"] += daemons.is_new(pod)
            counts["numberReady"] += pods.is_ready(pod)
            counts["numberAvailable"] += daemons.is_available(pod)
    counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
    collisions = (daemons.obj.get("status") or {}).get("collisionCount")
    return {
        # A count of nothing is left out, but for those that are required.
        **{name: count for name, count in counts.items() if count or name in _REQUIRED},
        "observedGeneration": daemons.obj["metadata"].get("generation", 0),
        **({"collisionCount": collisions} if collisions else {}),
    }


_REQUIRED: Final = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_COUNTS: Final = (*_REQUIRED, "updatedNumberScheduled", "numberAvailable", "numberUnavailable")
