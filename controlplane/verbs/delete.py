# SPDX-License-Identifier: Apache-2.0
"""delete: an object goes at once, or stays with a deletionTimestamp until its grace is over and nobody holds it."""

from datetime import timedelta
from typing import Any, Final

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import conflict, not_found
from controlplane.request import Operation
from controlplane.store.errors import ConflictError
from controlplane.store.interface import Record
from controlplane.verbs.call import Call
from controlplane.verbs.deletion_options import DeleteOptions
from controlplane.verbs.errors import CHANGED, precondition, store_refusals
from controlplane.verbs.metadata import timestamp
from controlplane.verbs.modify import RETRIES
from controlplane.verbs.removal import is_held, remove
from controlplane.verbs.stored import Stored, encode

Json = dict[str, Any]

# propagationPolicy -> the finalizer that the garbage collector takes away when it is done.
_FINALIZERS: Final = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


async def delete(engine: Engine, call: Call, options: DeleteOptions) -> tuple[Stored, bool]:
    """Delete the named object; the answer says whether it is gone, else it is as it waits for its end.

    Raises ApiError 404, 409 for a precondition that does not hold, and whatever admission refuses with.
    """
    for _ in range(RETRIES):
        with store_refusals():
            record = await engine.store.get(call.key)
        if record is None:
            raise not_found(call.resource.group, call.resource.plural, call.name)
        try:
            return await _delete(engine, call, record, options)
        except ConflictError:
            continue
    raise conflict(call.resource.group, call.resource.plural, call.name, CHANGED)


async def _delete(engine: Engine, call: Call, record: Record, options: DeleteOptions) -> tuple[Stored, bool]:
    stored = Stored.of(call.resource, record)
    old = stored.in_storage_version()
    _check_preconditions(call, old, options)
    admission = call.admission(Operation.DELETE, None, old)
    await mutate(engine.plugins, admission)
    async with validated(engine.plugins, admission):
        new = _marked(engine, call, old, options)
        if new is not None:
            return await _wait(engine, call, record, new, options), False
        return (stored if options.dry_run else await remove(engine, call, record)), True


async def _wait(engine: Engine, call: Call, record: Record, new: Json, options: DeleteOptions) -> Stored:
    value = encode(new)
    if value == record.value or options.dry_run:
        return Stored(call.resource, value, record.mod_revision)
    with store_refusals():
        written = await engine.store.update(record.key, value, expected=record.mod_revision)
    return Stored.of(call.resource, written)


def _marked(engine: Engine, call: Call, old: Json, options: DeleteOptions) -> Json | None:
    """The object that waits for its end; None when nothing has to be waited for."""
    resource = call.resource
    new: Json = {**old, "metadata": {**old["metadata"]}}
    _set_finalizers(new["metadata"], options.policy)
    grace = resource.strategy.grace_seconds(old, options.grace)
    if grace <= 0 and not is_held(resource, new):
        return None
    _set_deletion(engine, new, max(grace, 0))
    if not old["metadata"].get("deletionTimestamp"):
        resource.strategy.begin_deletion(new)
        if resource.strategy.has_generation:
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    return new


def _set_deletion(engine: Engine, obj: Json, grace: int) -> None:
    """A second delete can make the grace shorter, never longer."""
    metadata = obj["metadata"]
    before = metadata.get("deletionGracePeriodSeconds")
    if metadata.get("deletionTimestamp") and (before or 0) <= grace:
        return
    metadata["deletionTimestamp"] = timestamp(engine.now() + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace


def _set_finalizers(metadata: Json, policy: str) -> None:
    if not policy:
        return
    kept = [name for name in metadata.get("finalizers") or [] if name not in _FINALIZERS.values()]
    wanted = [*kept, *([_FINALIZERS[policy]] if policy in _FINALIZERS else [])]
    if wanted:
        metadata["finalizers"] = wanted
    else:
        metadata.pop("finalizers", None)


def _check_preconditions(call: Call, old: Json, options: DeleteOptions) -> None:
    metadata = old["metadata"]
    if options.uid and options.uid != metadata.get("uid"):
        raise precondition(call.resource, call.name, "UID", options.uid, metadata.get("uid", ""))
    if options.resource_version and options.resource_version != metadata["resourceVersion"]:
        raise precondition(
            call.resource, call.name, "ResourceVersion", options.resource_version, metadata["resourceVersion"]
        )
