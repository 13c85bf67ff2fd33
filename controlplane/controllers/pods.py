# SPDX-License-Identifier: Apache-2.0
"""What controllers ask of a pod; pure."""

import copy
from datetime import datetime, timedelta
from typing import Any

from controlplane.controllers.meta import condition, controller_reference, is_going, parse_time
from kube.kinds import Kind

Json = dict[str, Any]


def phase(pod: Json) -> str:
    """status.phase; a pod that nobody reported on is Pending."""
    return pod.get("status", {}).get("phase") or "Pending"


def is_finished(pod: Json) -> bool:
    """Whether its containers ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Json) -> bool:
    """Whether it counts as a replica: not finished and not going away."""
    return not is_finished(pod) and not is_going(pod)


def is_ready(pod: Json) -> bool:
    """Whether its condition Ready is True."""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def ready_since(pod: Json) -> datetime | None:
    """When it became ready; None when it is not."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return None
    since = found.get("lastTransitionTime") or pod["metadata"].get("creationTimestamp")
    return parse_time(since) if since else None


def available_at(pod: Json, min_ready_seconds: int) -> datetime | None:
    """From when it counts as available; None while it is not ready."""
    since = ready_since(pod)
    return since + timedelta(seconds=min_ready_seconds) if since else None


def is_available(pod: Json, min_ready_seconds: int, now: datetime) -> bool:
    """Whether it has been ready for so many seconds."""
    if not min_ready_seconds:
        return is_ready(pod)
    moment = available_at(pod, min_ready_seconds)
    return moment is not None and moment <= now


def from_template(owner: Json, kind: Kind, template: Json) -> Json:
    """A new pod of this owner; the server makes its name."""
    meta = copy.deepcopy(template.get("metadata") or {})
    kept = {key: meta[key] for key in ("labels", "annotations", "finalizers") if meta.get(key)}
    return {
        "metadata": {
            **kept,
            "generateName": f"{owner['metadata']['name']}-",
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": [controller_reference(owner, kind)],
        },
        "spec": copy.deepcopy(template["spec"]),
    }
