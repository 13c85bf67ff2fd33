# SPDX-License-Identifier: Apache-2.0
"""What of a pod's status has to be written, pure: from what the API server has and what is the case."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from lightkube.models import core_v1

from kube.times import seconds

Json = dict[str, Any]

# Lists that the API merges by a key: a patch without this directive would add to them.
_REPLACED: Final = ("podIPs", "hostIPs")
# Conditions of the node that go away again; all others stay, as they do for the kubelet.
_PASSING: Final = frozenset({"PodResizePending", "PodResizeInProgress"})
# Written by the scheduler, by controllers or at creation: absent here does not mean that they should go.
_OF_OTHERS: Final = frozenset(
    {"nominatedNodeName", "resourceClaimStatuses", "extendedResourceClaimStatus", "qosClass"}
)
_STATUSES: Final = frozenset({"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"})
# What a container's status has to have, also before there is an image.
_REQUIRED: Final = {"image": "", "imageID": ""}


def as_data(status: core_v1.PodStatus) -> Json:
    """The status as the API has it: times in whole seconds, nothing that is empty."""
    data = _tidy(msgspec.to_builtins(status, builtin_types=(datetime,))) or {}
    for name in _STATUSES & data.keys():
        data[name] = [{**_REQUIRED, **one} for one in data[name]]
    return data


def settle(wanted: Json, current: Json, now: datetime) -> Json:
    """The wanted status with the times that are not its own to say: those of the API server, or now."""
    before = {each.get("type"): each for each in current.get("conditions") or ()}
    conditions = [_settled(each, before.get(each["type"]), now) for each in wanted.get("conditions") or ()]
    start = current.get("startTime") or wanted.get("startTime") or seconds(now)
    return {**wanted, "startTime": start, **({"conditions": conditions} if conditions else {})}


def difference(current: Json, wanted: Json) -> Json:
    """The strategic merge patch from one to the other; {} when there is nothing to write."""
    current = _tidy(current) or {}
    patch: Json = {}
    for name, value in wanted.items():
        if name == "conditions" or current.get(name) == _tidy(value):
            continue
        patch[name] = [{"$patch": "replace"}, *value] if name in _REPLACED else value
    for name in current.keys() - wanted.keys() - _OF_OTHERS - {"conditions"}:
        patch[name] = None
    if conditions := _conditions(current.get("conditions") or (), wanted.get("conditions") or ()):
        patch["conditions"] = conditions
    return patch


def _settled(condition: Json, before: Json | None, now: datetime) -> Json:
    if before and before.get("status") == condition.get("status") and before.get("lastTransitionTime"):
        return {**condition, "lastTransitionTime": before["lastTransitionTime"]}
    return {"lastTransitionTime": seconds(now), **condition}


def _conditions(current: Iterable[Json], wanted: Iterable[Json]) -> list[Json]:
    before = {each["type"]: each for each in current}
    after = {each["type"]: each for each in wanted}
    changed = [
        {**dict.fromkeys(before.get(kind, {}).keys() - condition.keys()), **condition}
        for kind, condition in after.items()
        if before.get(kind) != condition
    ]
    gone = [{"type": kind, "$patch": "delete"} for kind in sorted((before.keys() & _PASSING) - after.keys())]
    return changed + gone


def _tidy(value: Any) -> Any:
    """Without nulls and empty values, which the API may write or leave out; None when nothing is left."""
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, dict):
        return {key: kept for key, item in value.items() if (kept := _tidy(item)) is not None} or None
    if isinstance(value, list):
        # An item that is empty still counts as one.
        return [_tidy(item) if _tidy(item) is not None else {} for item in value] or None
    return None if value == "" else value
