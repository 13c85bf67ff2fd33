# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a PodDisruptionBudget: how many of its pods may go now; pure.

The rules are those of Kubernetes' documentation of policy/v1. What the API server noted in status.disruptedPods (an
eviction that it allowed) counts as gone until the pod is really gone, but for two minutes at most.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.controllers.rollout import resolve

Json = dict[str, Any]

# How long an eviction that was allowed may take to become a deletion.
DELETION_TIMEOUT: Final = timedelta(minutes=2)
CONDITION: Final = "DisruptionAllowed"


@dataclass(frozen=True, slots=True)
class Expected:
    """pods: how many there should be; healthy: how many of them must be."""

    pods: int
    healthy: int


@dataclass(frozen=True, slots=True)
class Disrupted:
    """left: what status.disruptedPods should say; late: pods that should be gone and are not; until: what ends next."""

    left: Mapping[str, str]
    late: tuple[Json, ...]
    until: datetime | None


def needs_scale(spec: Json) -> bool:
    """Whether the budget is a share of what the pods' owners want, and not a number of pods."""
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def expected(spec: Json, found: int, wanted: int) -> Expected:
    """found: how many pods the selector finds; wanted: how many their owners want, where needs_scale asks for it."""
    if (most := spec.get("maxUnavailable")) is not None:
        return Expected(wanted, max(0, wanted - resolve(most, wanted, up=True)))
    least = spec.get("minAvailable")
    if isinstance(least, str):
        return Expected(wanted, resolve(least, wanted, up=True))
    return Expected(found, least or 0)


def disrupted(status: Json, found: Iterable[Json], now: datetime) -> Disrupted:
    """Which evictions that were allowed are still under way."""
    noted = status.get("disruptedPods") or {}
    left, late, ends = dict[str, str](), list[Json](), list[datetime]()
    for pod in found:
        name = pod["metadata"]["name"]
        if name not in noted or meta.is_going(pod):
            continue
        end = meta.parse_time(noted[name]) + DELETION_TIMEOUT
        if end < now:
            late.append(pod)
        else:
            left[name] = noted[name]
            ends.append(end)
    return Disrupted(left, tuple(late), min(ends, default=None))


def status(budget: Json, found: Sequence[Json], wanted: int, gone: Mapping[str, str], now: datetime) -> Json:
    """The new status of a budget whose selector finds these pods; gone: Disrupted.left."""
    want = expected(budget["spec"], len(found), wanted)
    healthy = sum(
        pods.is_ready(pod) and not meta.is_going(pod) and pod["metadata"]["name"] not in gone for pod in found
    )
    allowed = max(0, healthy - want.healthy) if want.pods > 0 else 0
    condition = {
        "type": CONDITION,
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "observedGeneration": budget["metadata"].get("generation", 0),
    }
    return {
        "observedGeneration": budget["metadata"].get("generation", 0),
        **({"disruptedPods": dict(gone)} if gone else {}),
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": want.healthy,
        "expectedPods": want.pods,
        "conditions": _with_condition(budget, condition, now),
    }


def failed(budget: Json, why: str, now: datetime) -> Json:
    """The status while nobody can say how many pods there should be: none may go."""
    condition = {"type": CONDITION, "status": "False", "reason": "SyncFailed", "message": why}
    return {
        **(budget.get("status") or {}),
        "disruptionsAllowed": 0,
        "conditions": _with_condition(budget, condition, now),
    }


def _with_condition(budget: Json, condition: Json, now: datetime) -> list[Json]:
    return meta.with_condition((budget.get("status") or {}).get("conditions") or [], condition, now)
