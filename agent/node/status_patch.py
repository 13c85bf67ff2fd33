# SPDX-License-Identifier: Apache-2.0
"""What of a Node object has to be written (pure): only what differs, and nothing that is others'."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from kube.times import seconds

Json = dict[str, Any]

_MAPS: Final = ("capacity", "allocatable")
# Resources that a node has from itself come and go with it; all others somebody gave it.
_OWN_RESOURCES: Final = ("cpu", "memory", "ephemeral-storage", "pods", "hugepages-")


def with_extended(wanted: Json, current: Json) -> Json:
    """The wanted status with the resources that others put into status.capacity, which pods may use in full."""
    given = {name: amount for name, amount in (current.get("capacity") or {}).items() if not _is_own(name)}
    return {
        **wanted,
        "capacity": {**given, **wanted["capacity"]},
        "allocatable": {**given, **wanted["allocatable"]},
    }


def difference(current: Json, wanted: Json, now: datetime, *, heartbeat: bool) -> Json:
    """The strategic merge patch of the status; {} when nothing is to be written.

    heartbeat: conditions are written with a new lastHeartbeatTime even if nothing changed.
    """
    patch: Json = {}
    for name, value in wanted.items():
        before = current.get(name)
        if name in _MAPS:
            if changed := _map(before or {}, value):
                patch[name] = changed
        elif name != "conditions" and (before or []) != (value or []):
            # Addresses are merged by their type, which more than one may have.
            patch[name] = [{"$patch": "replace"}, *value] if name == "addresses" else value
    if conditions := _conditions(current.get("conditions") or (), wanted["conditions"], now, all_=heartbeat):
        patch["conditions"] = conditions
    return patch


def label_patch(current: Json, labels: Mapping[str, str]) -> Json:
    """The merge patch that gives the node its own labels; {} when it has them."""
    before = current["metadata"].get("labels") or {}
    missing = {key: value for key, value in labels.items() if before.get(key) != value}
    return {"metadata": {"labels": missing}} if missing else {}


def _is_own(resource: str) -> bool:
    return resource.startswith(_OWN_RESOURCES)


def _map(before: Json, after: Json) -> Json:
    changed: Json = {name: value for name, value in after.items() if before.get(name) != value}
    return {**dict.fromkeys(before.keys() - after.keys()), **changed}


def _conditions(current: Iterable[Json], wanted: Iterable[Json], now: datetime, *, all_: bool) -> list[Json]:
    before = {each["type"]: each for each in current}
    patch = []
    for condition in wanted:
        old = before.get(condition["type"]) or {}
        same = all(old.get(name) == value for name, value in condition.items())
        if same and not all_:
            continue
        moved = {} if old.get("status") == condition["status"] else {"lastTransitionTime": seconds(now)}
        patch.append({**condition, **moved, "lastHeartbeatTime": seconds(now)})
    return patch
