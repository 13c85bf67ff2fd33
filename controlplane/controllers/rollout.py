# SPDX-License-Identifier: Apache-2.0
"""How many replicas each ReplicaSet of a Deployment should have next; pure arithmetic on counts.

The rules are those of Kubernetes' documentation: maxSurge, maxUnavailable, proportional scaling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the Deployment asks for: replicas, and how far a rollout may go above and below."""

    replicas: int
    surge: int = 0
    unavailable: int = 0

    @property
    def most(self) -> int:
        """The most pods that there may be."""
        return self.replicas + self.surge if self.replicas else 0

    @property
    def fewest_available(self) -> int:
        """The fewest available pods that there may be."""
        return self.replicas - self.unavailable


@dataclass(frozen=True, slots=True)
class Count:
    """A ReplicaSet as numbers: what its spec asks for, how many are available, when it was made.

    most_before is Goal.most at the time when it was last scaled; 0 when nobody wrote it down.
    """

    name: str
    replicas: int
    available: int
    created: str = ""
    most_before: int = 0

    @property
    def surely_available(self) -> int:
        """Pods beyond what the spec asks for are about to go, available or not."""
        return min(self.available, self.replicas)


Targets = dict[str, int]


def goal(spec: Json) -> Goal:
    """Of a Deployment's spec: percentages of maxSurge are rounded up, of maxUnavailable down; both 0 is 1 down."""
    replicas: int = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Goal(replicas, 0, replicas)
    rolling = strategy.get("rollingUpdate") or {}
    surge = resolve(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = resolve(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Goal(replicas, surge, min(unavailable, replicas))


def resolve(value: int | str, whole: int, *, up: bool) -> int:
    """An int-or-percentage of a whole."""
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%"))
    return -(-whole * percent // 100) if up else whole * percent // 100


def roll(wanted: Goal, new: Count, old: Sequence[Count]) -> Targets:
    """The next step of a rolling update: first the new set grows into the surge, then old ones give way."""
    if new.replicas > wanted.replicas:
        return {new.name: wanted.replicas}
    grown = grow(wanted, new, old)
    if grown != new.replicas:
        return {new.name: grown}
    return _shrink_old(wanted, new, old)


def grow(wanted: Goal, new: Count, old: Sequence[Count]) -> int:
    """The new set's replicas when it takes all the room there is."""
    room = wanted.replicas + wanted.surge - new.replicas - sum(item.replicas for item in old)
    return new.replicas + max(0, min(room, wanted.replicas - new.replicas))


def _shrink_old(wanted: Goal, new: Count, old: Sequence[Count]) -> Targets:
    """First what is broken anyway, then what the available ones exceed the minimum by."""
    total = new.replicas + sum(item.replicas for item in old)
    new_unavailable = new.replicas - new.surely_available
    room = total - wanted.fewest_available - new_unavailable
    if room <= 0:
        return {}
    oldest_first = sorted(old, key=lambda item: (item.created, item.name))
    left = {item.name: item.replicas for item in oldest_first}
    for item in oldest_first:
        broken = min(room, item.replicas - item.surely_available)
        left[item.name] -= broken
        room -= broken
    available = new.surely_available + sum(item.surely_available for item in old)
    spare = max(0, available - wanted.fewest_available)
    for item in oldest_first:
        taken = min(spare, left[item.name])
        left[item.name] -= taken
        spare -= taken
    return {item.name: left[item.name] for item in old if left[item.name] != item.replicas}


def scale(wanted: Goal, new: Count | None, old: Sequence[Count], *, rolling: bool) -> Targets:
    """The Deployment's replicas changed (or it is paused): share the difference among the sets that have pods."""
    everything = [*old, *([new] if new else [])]
    active = [item for item in everything if item.replicas > 0]
    if len(active) <= 1:
        only = active[0] if active else new or max(old, key=lambda item: item.created, default=None)
        return {only.name: wanted.replicas} if only and only.replicas != wanted.replicas else {}
    if new and new.replicas == wanted.replicas == new.available:
        # The rollout is over: whatever is left of the old ones goes.
        return {item.name: 0 for item in old if item.replicas}
    return _share(wanted, active) if rolling else {}


def _share(wanted: Goal, active: Sequence[Count]) -> Targets:
    """Each set's part of the difference is as its part of the pods; what rounding leaves goes to the largest."""
    missing = wanted.most - sum(item.replicas for item in active)
    if missing > 0:
        # Of two equally large ones the newer grows, and the older shrinks.
        ordered = sorted(active, key=lambda item: (item.replicas, item.created), reverse=True)
    else:
        ordered = sorted(active, key=lambda item: (-item.replicas, item.created))
    sizes, added = Targets(), 0
    for item in ordered:
        part = _part(wanted, item, missing, missing - added)
        sizes[item.name] = item.replicas + part
        added += part
    rest = missing - added
    for item in ordered:
        step = max(rest, -sizes[item.name])
        sizes[item.name] += step
        rest -= step
    return {item.name: sizes[item.name] for item in active if sizes[item.name] != item.replicas}


def _part(wanted: Goal, item: Count, missing: int, allowed: int) -> int:
    if missing == 0 or allowed == 0:
        return 0
    if wanted.replicas == 0:
        return -item.replicas
    before = item.most_before or wanted.most
    # Half a pod is rounded away from nothing.
    part = (2 * item.replicas * wanted.most + before) // (2 * before) - item.replicas
    return min(max(part, 0), allowed) if missing > 0 else max(min(part, 0), allowed)
