# SPDX-License-Identifier: Apache-2.0
"""Owners, conditions and times in the metadata and status of any object; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.controllers.operations import Patch
from kube.kinds import Kind
from kube.selector import Selector

Json = dict[str, Any]


def parse_time(text: str) -> datetime:
    """An RFC 3339 time of the API."""
    return datetime.fromisoformat(text)


def format_time(moment: datetime) -> str:
    """As metav1.Time is written: whole seconds, Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_going(obj: Json) -> bool:
    """Whether its deletion has begun."""
    return "deletionTimestamp" in obj["metadata"]


def controller_of(obj: Json) -> Json | None:
    """The one owner that manages the object."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controller_uids(obj: Json) -> list[str]:
    """For an index: the uid of the managing owner."""
    owner = controller_of(obj)
    return [owner["uid"]] if owner else []


def orphan_namespaces(obj: Json) -> list[str]:
    """For an index: the namespace of an object that nobody manages."""
    return [] if controller_of(obj) else [obj["metadata"].get("namespace", "")]


def controller_reference(owner: Json, kind: Kind) -> Json:
    """The ownerReference that an object gets from the owner that makes or adopts it."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


@dataclass(frozen=True, slots=True)
class Claims:
    """owned is managed already, adopt should be, release is but should not be."""

    owned: tuple[Json, ...]
    adopt: tuple[Json, ...]
    release: tuple[Json, ...]


def claims(owner: Json, selector: Selector, candidates: Iterable[Json]) -> Claims:
    """Sort objects by whether the owner manages them and whether its selector wants them.

    Nothing is adopted by an owner that goes away, and nothing that goes away itself is adopted or released.
    """
    owned, adopt, release = list[Json](), list[Json](), list[Json]()
    for obj in candidates:
        manager, wanted = controller_of(obj), selector.matches(obj["metadata"].get("labels"))
        if manager is not None and manager["uid"] == owner["metadata"]["uid"]:
            if wanted:
                owned.append(obj)
            elif not is_going(obj) and not is_going(owner):
                release.append(obj)
        elif manager is None and wanted and not is_going(obj) and not is_going(owner):
            adopt.append(obj)
    return Claims(tuple(owned), tuple(adopt), tuple(release))


def adoption(owner: Json, owner_kind: Kind, kind: Kind, obj: Json) -> Patch:
    """Make the owner the object's manager, unless the object changed meanwhile."""
    owners = obj["metadata"].get("ownerReferences") or []
    return _owners_patch(kind, obj, [*owners, controller_reference(owner, owner_kind)])


def release(owner: Json, kind: Kind, obj: Json) -> Patch:
    """Take the owner out of the object's owners, unless the object changed meanwhile."""
    return without_owners(kind, obj, {owner["metadata"]["uid"]})


def without_owners(kind: Kind, obj: Json, uids: set[str]) -> Patch:
    """Take these owners out."""
    owners = obj["metadata"].get("ownerReferences") or []
    return _owners_patch(kind, obj, [item for item in owners if item["uid"] not in uids])


def condition(obj: Json, type: str) -> Json | None:  # noqa: A002 - the field's name
    """The condition of this type in the object's status."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == type), None)


def with_condition(conditions: Iterable[Json], new: Json, now: datetime) -> list[Json]:
    """The conditions with this one in place; lastTransitionTime moves only when its status changes."""
    kept = list(conditions)
    at = next((index for index, item in enumerate(kept) if item["type"] == new["type"]), None)
    if at is None:
        return [*kept, {"lastTransitionTime": format_time(now), **new}]
    old = kept[at]
    since = old.get("lastTransitionTime") if old["status"] == new["status"] else None
    kept[at] = {**new, "lastTransitionTime": since or format_time(now)}
    return kept


def without_condition(conditions: Iterable[Json], type: str) -> list[Json]:  # noqa: A002 - the field's name
    """The conditions without this type."""
    return [item for item in conditions if item["type"] != type]


def _owners_patch(kind: Kind, obj: Json, owners: list[Json]) -> Patch:
    metadata = obj["metadata"]
    guarded = {
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "ownerReferences": owners or None,
    }
    return Patch(kind, metadata["name"], metadata.get("namespace", ""), {"metadata": guarded})
