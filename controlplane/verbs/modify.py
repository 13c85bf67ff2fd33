# SPDX-License-Identifier: Apache-2.0
"""The way of every change of an object that is there: read, change, admit, check, write if nobody else did."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import bad_request, conflict, not_found
from controlplane.request import Operation
from controlplane.store.errors import ConflictError
from controlplane.store.interface import Record
from controlplane.verbs import metadata
from controlplane.verbs.call import Call
from controlplane.verbs.checks import check_subresource, check_update
from controlplane.verbs.errors import CHANGED, precondition, store_refusals
from controlplane.verbs.removal import is_finished, remove
from controlplane.verbs.reserve import reserving
from controlplane.verbs.stored import Stored, encode
from controlplane.verbs.tracking import track

Json = dict[str, Any]

Change = Callable[[Stored], Awaitable[Json]]
"""From what is there to what shall be, both complete; the result is in the storage version."""

RETRIES: Final = 10


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One read state and the change of it."""

    record: Record
    old: Json
    new: Json
    tracking: bool


async def modify(engine: Engine, call: Call, change: Change, *, tracking: bool = True) -> Stored:
    """Change the named object. Tries again when somebody else wrote in between, unless the change names a revision.

    Raises ApiError 404 when it is not there, 409 when it is not what the change names, and all that checks raise.
    """
    for _ in range(RETRIES):
        with store_refusals():
            record = await engine.store.get(call.key)
        if record is None:
            raise not_found(call.resource.group, call.resource.plural, call.name)
        try:
            return await _try(engine, call, record, change, tracking=tracking)
        except ConflictError:
            continue
    raise _changed(call)


async def _try(engine: Engine, call: Call, record: Record, change: Change, *, tracking: bool) -> Stored:
    stored = Stored.of(call.resource, record)
    old = stored.in_storage_version()
    attempt = _Attempt(record, old, await change(stored), tracking)
    _check_identity(call, attempt)
    metadata.check_namespace(attempt.new, call.resource, call.namespace)
    metadata.carry_over(attempt.new, old)
    if call.subresource is None:
        return await _update(engine, call, attempt)
    return await _update_subresource(engine, call, attempt, call.subresource.name)


async def _update(engine: Engine, call: Call, attempt: _Attempt) -> Stored:
    strategy, new, old = call.resource.strategy, attempt.new, attempt.old
    strategy.set_defaults(new)
    admission = call.admission(Operation.UPDATE, new, old)
    await mutate(engine.plugins, admission)
    strategy.prepare_update(new, old)
    strategy.set_defaults(new)
    async with reserving(engine, call, new, old):
        check_update(call.resource, new, old)
        async with validated(engine.plugins, admission):
            return await _write(engine, call, attempt)


async def _update_subresource(engine: Engine, call: Call, attempt: _Attempt, name: str) -> Stored:
    strategy, new, old = call.resource.strategy, attempt.new, attempt.old
    strategy.prepare_subresource(name, new, old)
    admission = call.admission(Operation.UPDATE, new, old)
    await mutate(engine.plugins, admission)
    check_subresource(call.resource, name, new, old)
    async with validated(engine.plugins, admission):
        return await _write(engine, call, attempt)


async def _write(engine: Engine, call: Call, attempt: _Attempt) -> Stored:
    """Nothing is written when nothing changes; an object that only waited for this change goes."""
    if attempt.tracking:
        track(call, attempt.new, attempt.old, engine.now())
    value, record = encode(attempt.new), attempt.record
    if value == record.value or _same(attempt):
        return Stored.of(call.resource, record)
    if call.options.dry_run:
        return Stored(call.resource, value, record.mod_revision)
    if is_finished(call.resource, attempt.new):
        return await remove(engine, call, record, value)
    with store_refusals():
        written = await engine.store.update(record.key, value, expected=record.mod_revision)
    return Stored.of(call.resource, written)


def _same(attempt: _Attempt) -> bool:
    """Whether both are equal, whatever the order of their fields."""
    attempt.new["metadata"]["resourceVersion"] = attempt.old["metadata"]["resourceVersion"]
    return attempt.new == attempt.old


def _check_identity(call: Call, attempt: _Attempt) -> None:
    """The change is about this object, by name, and by uid and revision where it has them."""
    wanted, found = attempt.new["metadata"], attempt.old["metadata"]
    if wanted.get("name", call.name) != call.name:
        raise bad_request(
            f"the name of the object ({wanted['name']}) does not match the name on the URL ({call.name})"
        )
    wanted["name"] = call.name
    if wanted.get("uid") and wanted["uid"] != found.get("uid"):
        raise precondition(call.resource, call.name, "UID", wanted["uid"], found.get("uid", ""))
    if wanted.get("resourceVersion") and wanted["resourceVersion"] != found["resourceVersion"]:
        raise _changed(call)


def _changed(call: Call) -> Exception:
    return conflict(call.resource.group, call.resource.plural, call.name, CHANGED)
