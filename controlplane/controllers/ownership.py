# SPDX-License-Identifier: Apache-2.0
"""What becomes of an object by its owners: kept, freed of owners that are gone, or deleted with them; pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from controlplane.controllers import meta
from controlplane.controllers.operations import Delete, Operation, Patch
from kube.kinds import Kind

Json = dict[str, Any]
Placed = tuple[Kind, Json]

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"


class Owner(StrEnum):
    """How an owner stands. UNKNOWN is one of a kind that nobody knows here: it keeps its dependents."""

    THERE = "there"
    GONE = "gone"
    WAITING = "waiting for its dependents"
    UNKNOWN = "unknown"


def references(obj: Json) -> Sequence[Json]:
    """The object's ownerReferences."""
    return obj["metadata"].get("ownerReferences") or ()


def waits_for_dependents(obj: Json) -> bool:
    """Whether it is being deleted in the foreground."""
    return meta.is_going(obj) and FOREGROUND in _finalizers(obj)


def concerns(obj: Json) -> bool:
    """Whether garbage collection has anything to do with this object by itself."""
    held = {FOREGROUND, ORPHAN} & set(_finalizers(obj))
    return bool(references(obj)) or (meta.is_going(obj) and bool(held))


def plan(kind: Kind, obj: Json, owners: Mapping[str, Owner], dependents: Sequence[Placed]) -> list[Operation]:
    """What to do about one object. owners tells of every uid in its references how that owner stands."""
    if meta.is_going(obj):
        return _plan_going(kind, obj, dependents)
    if not references(obj):
        return []
    standing = {item["uid"]: owners[item["uid"]] for item in references(obj)}
    keeping = {uid for uid, owner in standing.items() if owner in (Owner.THERE, Owner.UNKNOWN)}
    if keeping:
        leaving = standing.keys() - keeping
        return [meta.without_owners(kind, obj, leaving)] if leaving else []
    if Owner.WAITING in standing.values() and dependents:
        return [*_unblock(kind, obj, dependents), Delete(kind, obj, propagation="Foreground")]
    return [Delete(kind, obj, propagation=_policy(obj), only_if_unchanged=True)]


def _plan_going(kind: Kind, obj: Json, dependents: Sequence[Placed]) -> list[Operation]:
    uid = obj["metadata"]["uid"]
    if ORPHAN in _finalizers(obj):
        freed: list[Operation] = [meta.without_owners(of, item, {uid}) for of, item in dependents]
        return [*freed, _without_finalizer(kind, obj, ORPHAN)]
    if FOREGROUND in _finalizers(obj) and not any(_blocks(item, uid) for _, item in dependents):
        return [_without_finalizer(kind, obj, FOREGROUND)]
    return []


def _unblock(kind: Kind, obj: Json, dependents: Iterable[Placed]) -> Iterable[Operation]:
    """Where a dependent waits for dependents, this object may be one of those: a circle must not wait for ever."""
    if not any(waits_for_dependents(item) for _, item in dependents):
        return
    loose = [{**item, "blockOwnerDeletion": False} for item in references(obj)]
    metadata = obj["metadata"]
    patch = {"metadata": {"uid": metadata["uid"], "ownerReferences": loose}}
    yield Patch(kind, metadata["name"], metadata.get("namespace", ""), patch)


def _blocks(dependent: Json, uid: str) -> bool:
    return any(item["uid"] == uid and item.get("blockOwnerDeletion") for item in references(dependent))


def _policy(obj: Json) -> str:
    """Finalizers that were there before its deletion say how its own dependents are to be treated."""
    finalizers = _finalizers(obj)
    if ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in finalizers else "Background"


def _without_finalizer(kind: Kind, obj: Json, finalizer: str) -> Patch:
    metadata = obj["metadata"]
    kept = [item for item in _finalizers(obj) if item != finalizer]
    guard = {
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "finalizers": kept or None,
    }
    return Patch(kind, metadata["name"], metadata.get("namespace", ""), {"metadata": guard})


def _finalizers(obj: Json) -> Sequence[str]:
    return obj["metadata"].get("finalizers") or ()
