# SPDX-License-Identifier: Apache-2.0
"""A Deployment's status: counts, and whether it is available, progressing, complete or stuck; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from controlplane.controllers import meta
from controlplane.controllers.rollout import goal

Json = dict[str, Any]

COMPLETE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"


def status(deployment: Json, new: Json | None, sets: Sequence[Json], now: datetime) -> Json:
    """The status that these ReplicaSets make."""
    counts = _counts(new, sets)
    before = deployment.get("status", {})
    conditions = before.get("conditions") or []
    conditions = meta.with_condition(conditions, _available(deployment, counts, now), now)
    conditions = _with_failure(conditions, new, sets, now)
    if progressing := _progressing(deployment, new, counts, now):
        conditions = meta.with_condition(conditions, progressing, now)
    found: Json = {key: value for key, value in counts.items() if value}
    found["observedGeneration"] = deployment["metadata"].get("generation", 0)
    if "collisionCount" in before:
        found["collisionCount"] = before["collisionCount"]
    return {**found, "conditions": _settled(before.get("conditions") or [], conditions)}


def is_complete(deployment: Json, counts: Json) -> bool:
    """Whether all replicas are of the current template, available, and there are no others."""
    replicas = deployment["spec"].get("replicas", 1)
    return all(
        counts.get(name, 0) == replicas for name in ("updatedReplicas", "replicas", "availableReplicas")
    )


def seconds_to_deadline(deployment: Json, new_status: Json, now: datetime) -> float | None:
    """How long until a rollout that makes no progress counts as failed; None when that is not to be awaited."""
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    found = meta.condition({"status": new_status}, "Progressing")
    if deadline is None or found is None or found["reason"] in (COMPLETE, TIMED_OUT, PAUSED):
        return None
    end = meta.parse_time(found["lastUpdateTime"]) + timedelta(seconds=deadline)
    # A little later than the moment itself, so that one look is enough.
    return max(0.0, (end - now).total_seconds()) + 1


def _counts(new: Json | None, sets: Sequence[Json]) -> Json:
    def total(field: str) -> int:
        return sum(item.get("status", {}).get(field, 0) for item in sets)

    available = total("availableReplicas")
    asked = sum(item["spec"].get("replicas", 1) for item in sets)
    return {
        "replicas": total("replicas"),
        "updatedReplicas": (new or {}).get("status", {}).get("replicas", 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, asked - available),
    }


def _available(deployment: Json, counts: Json, now: datetime) -> Json:
    enough = counts["availableReplicas"] >= goal(deployment["spec"]).fewest_available
    has = "has" if enough else "does not have"
    return {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {has} minimum availability.",
        "lastUpdateTime": meta.format_time(now),
    }


def _with_failure(
    conditions: list[Json], new: Json | None, sets: Sequence[Json], now: datetime
) -> list[Json]:
    for item in (new, *sets):
        if item is not None and (failure := meta.condition(item, "ReplicaFailure")):
            told = {key: failure[key] for key in ("type", "status", "reason", "message")}
            return meta.with_condition(conditions, {**told, "lastUpdateTime": meta.format_time(now)}, now)
    return meta.without_condition(conditions, "ReplicaFailure")


def _progressing(deployment: Json, new: Json | None, counts: Json, now: datetime) -> Json | None:
    """The condition Progressing as it should be; None to leave it as it is."""
    spec = deployment["spec"]
    if spec.get("progressDeadlineSeconds") is None:
        return None
    before = meta.condition(deployment, "Progressing")
    reason_before = before["reason"] if before else ""
    if spec.get("paused"):
        return _condition("Unknown", PAUSED, "Deployment is paused", now) if reason_before != PAUSED else None
    if reason_before == PAUSED:
        return _condition("Unknown", "DeploymentResumed", "Deployment is resumed", now)
    told = (
        f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    )
    if is_complete(deployment, counts):
        done = _condition("True", COMPLETE, f"{told} has successfully progressed.", now)
        return None if before and before["message"] == done["message"] else done
    # Pods that come and go after a rollout was over are not a new rollout.
    if reason_before == COMPLETE and before and told in before["message"] and _all_updated(counts):
        return None
    if before is None:
        return _condition("True", "NewReplicaSetCreated", f"Created new replica set {_name(new)}", now)
    if _advanced(deployment.get("status", {}), counts) or (reason_before == COMPLETE):
        return _condition("True", "ReplicaSetUpdated", f"{told} is progressing.", now)
    if reason_before != TIMED_OUT and _is_overdue(spec, before, now):
        return _condition("False", TIMED_OUT, f"{told} has timed out progressing.", now)
    return None


def _advanced(before: Json, counts: Json) -> bool:
    """Whether anything moved in the right direction since the last look."""

    def was(name: str) -> int:
        found: int = before.get(name, 0)
        return found

    fewer_old = counts["replicas"] - counts["updatedReplicas"] < was("replicas") - was("updatedReplicas")
    more = any(counts[name] > was(name) for name in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return fewer_old or more


def _all_updated(counts: Json) -> bool:
    return bool(counts["replicas"] == counts["updatedReplicas"])


def _is_overdue(spec: Json, before: Json, now: datetime) -> bool:
    since = meta.parse_time(before["lastUpdateTime"])
    return bool(since + timedelta(seconds=spec["progressDeadlineSeconds"]) < now)


def _condition(status: str, reason: str, message: str, now: datetime) -> Json:
    return {
        "type": "Progressing",
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": meta.format_time(now),
    }


def _name(new: Json | None) -> str:
    return f'"{new["metadata"]["name"]}"' if new else "of its template"


def _settled(before: list[Json], after: list[Json]) -> list[Json]:
    """Available and ReplicaFailure say when they were last updated; that alone is not worth a write."""
    old = {item["type"]: item for item in before}

    def keep(item: Json) -> Json:
        known = old.get(item["type"])
        if known is None or item["type"] == "Progressing":
            return item
        same = all(known.get(key) == item.get(key) for key in ("status", "reason", "message"))
        return known if same else item

    return list(map(keep, after))
