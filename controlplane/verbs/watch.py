# SPDX-License-Identifier: Apache-2.0
"""watch: what changes in a collection, from a revision on, as a selector sees it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from controlplane.engine import Engine
from controlplane.errors import ApiError, Cause
from controlplane.store.interface import Change, ChangeKind, Progress
from controlplane.verbs.call import Call
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.list import ListOptions, list_objects
from controlplane.verbs.revisions import NOT_OLDER, Wanted, parse_revision
from controlplane.verbs.selection import EVERYTHING, Selection
from controlplane.verbs.stored import Stored


class EventType(StrEnum):
    """watch.EventType."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. A BOOKMARK has no object; initial_end marks the one after the initial events."""

    type: EventType
    revision: int
    stored: Stored | None = None
    initial_end: bool = False


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """metav1.ListOptions of a watch; send_initial None: not said."""

    selection: Selection = EVERYTHING
    resource_version: str = ""
    match: str = ""
    bookmarks: bool = False
    send_initial: bool | None = None


def watch(engine: Engine, call: Call, options: WatchOptions) -> AsyncGenerator[Event, None]:
    """Events for ever. Every BOOKMARK that could be sent is given; who sends them may leave some out.

    Raises ApiError 400 and 422 at once for options that make no sense. The events raise 410 when history does not
    reach back, 504 for a revision from the future.
    """
    _check(options)
    return _watch(engine, call, options, parse_revision(options.resource_version))


async def _watch(
    engine: Engine, call: Call, options: WatchOptions, after: int
) -> AsyncGenerator[Event, None]:
    with store_refusals():
        if options.send_initial or (options.send_initial is None and not after):
            async with aclosing(_initial(engine, call, options)) as events:
                async for event in events:
                    after = max(after, event.revision)
                    if event.type is not EventType.BOOKMARK or event.initial_end:
                        yield event
        elif not after:
            after = await engine.store.current_revision()
        await Wanted(least=after).check(engine.store)
        prefix = _prefix(call, options.selection)
        interest = engine.facts.interest(call.resource, options.selection)
        async with aclosing(engine.store.watch(prefix, after=after, interest=interest)) as changes:
            async for change in changes:
                if isinstance(change, Progress):
                    yield Event(EventType.BOOKMARK, change.revision)
                elif (seen := _seen(engine, call, options.selection, change)) is not None:
                    yield seen


def _check(options: WatchOptions) -> None:
    if options.send_initial is not None and options.match != NOT_OLDER:
        raise _invalid("sendInitialEvents", f"requires setting resourceVersionMatch to {NOT_OLDER}")
    if options.send_initial is None and options.match:
        raise _invalid("resourceVersionMatch", "is forbidden for watch unless sendInitialEvents is provided")


def _invalid(field: str, why: str) -> ApiError:
    text = f'ListOptions.meta.k8s.io "" is invalid: {field}: Forbidden: {field} {why}'
    cause = Cause("FieldValueForbidden", f"Forbidden: {field} {why}", field)
    return ApiError(422, "Invalid", text, group="meta.k8s.io", kind="ListOptions", causes=(cause,))


async def _initial(engine: Engine, call: Call, options: WatchOptions) -> AsyncGenerator[Event, None]:
    """All objects as ADDED, and a bookmark with the list's revision."""
    rv = options.resource_version if parse_revision(options.resource_version) else ""
    listing = await list_objects(engine, call, ListOptions(options.selection, resource_version=rv))
    async for chunk in listing.chunks:
        for stored in chunk:
            yield Event(EventType.ADDED, stored.revision, stored)
    asked = bool(options.send_initial) and options.bookmarks
    yield Event(EventType.BOOKMARK, listing.revision, initial_end=asked)


def _prefix(call: Call, selection: Selection) -> str:
    name = selection.fields.exact("metadata.name")
    if name and (call.namespace or not call.resource.namespaced):
        return call.resource.key(call.namespace, name)
    return call.prefix


def _seen(engine: Engine, call: Call, selection: Selection, change: Change) -> Event | None:
    """A change as the selector sees it: entering is ADDED, leaving is DELETED."""
    record = change.record
    stored = Stored.of(call.resource, record)
    if not selection:
        return Event(_TYPES[change.kind], record.mod_revision, stored)
    now = _selects(engine, call, selection, change, previous=False)
    if change.kind is not ChangeKind.UPDATED:
        return Event(_TYPES[change.kind], record.mod_revision, stored) if now else None
    before = _selects(engine, call, selection, change, previous=True)
    if now:
        return Event(EventType.MODIFIED if before else EventType.ADDED, record.mod_revision, stored)
    if not before or change.previous is None:
        return None
    # As Kubernetes has it: the object as the watcher knew it, at the revision at which it left.
    left = Stored(call.resource, change.previous, record.mod_revision)
    return Event(EventType.DELETED, record.mod_revision, left)


def _selects(engine: Engine, call: Call, selection: Selection, change: Change, *, previous: bool) -> bool:
    value = change.previous if previous else change.record.value
    if value is None:
        return False
    mark = (change.record.key, change.record.mod_revision, previous)
    return selection.matches(engine.facts.get(call.resource, mark, value))


_TYPES = {
    ChangeKind.CREATED: EventType.ADDED,
    ChangeKind.UPDATED: EventType.MODIFIED,
    ChangeKind.DELETED: EventType.DELETED,
}
