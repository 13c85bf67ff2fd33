# SPDX-License-Identifier: Apache-2.0
"""All that explains a pod, as plain data."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.explain.waits import waits_of

Json = Mapping[str, Any]


def explain(pod: Json, view: Json) -> dict[str, Any]:
    """A pod as the agent tells it, and its part of the agent's status, as one explanation.

    timeline is what was done, oldest first: at (RFC 3339), phase, target ("" for the whole pod), seconds, error.
    seconds is from the first thing that was done to the pod's being Ready; None while it is not.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    entries = view.get("timeline") or ()
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "node": (pod.get("spec") or {}).get("nodeName", ""),
        "phase": status.get("phase", "Pending"),
        "reason": status.get("reason") or "",
        "message": status.get("message") or "",
        "ready": _condition(status, "Ready").get("status") == "True",
        "readyAfterSeconds": _ready_after(status, entries),
        "waits": [wait.to_data() for wait in waits_of(pod, view.get("failures") or ())],
        "timeline": [_entry(entry) for entry in entries],
    }


def _entry(entry: Json) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "at": at,
        "phase": entry["phase"],
        "target": entry["target"],
        "seconds": round(entry["took"], 3),
        "error": entry["error"],
    }


def _condition(status: Json, kind: str) -> Json:
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _ready_after(status: Json, entries: Any) -> float | None:
    """From the first entry that is still known to the Ready condition; not for a pod that was Ready before it."""
    ready, first = _condition(status, "Ready"), next(iter(entries), None)
    if ready.get("status") != "True" or first is None or not ready.get("lastTransitionTime"):
        return None
    since = datetime.fromisoformat(str(ready["lastTransitionTime"])).timestamp()
    return round(max(since - first["at"], 0), 3) if since >= int(first["at"]) else None
