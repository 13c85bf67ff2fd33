# SPDX-License-Identifier: Apache-2.0
"""The watches there are, found by what a change is about: its key, and the marks that watches of one range ask for."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from controlplane.store.interface import Change, Interest, Marks

_KEPT: Final = 10_000
"""Changes whose marks are remembered for each way of marking."""


@dataclass(slots=True, eq=False)
class Watch:
    """One reader's place. It has no queue: it is woken, and reads on from where it was."""

    prefix: str
    # Every change up to here has been given to the reader.
    told: int
    interest: Interest | None = None
    # The revision of the first change for it that was not given, 0 if there is none.
    pending: int = 0
    # The newest revision that the reader knows of, from a change or a Progress.
    known: int = 0
    progress_due: bool = False
    waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """The reader goes on, if it waits."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def wait(self) -> None:
        """Until it is woken."""
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None


@dataclass(slots=True)
class _Marked:
    """The watches of one range that ask for marks of one way of marking, by mark."""

    marks: Marks
    watches: dict[str, set[Watch]] = field(default_factory=dict)
    _known: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def of(self, change: Change) -> tuple[str, ...]:
        """Its marks, looked at once."""
        key = (change.record.key, change.record.mod_revision)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self.marks(change)
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return found


@dataclass(slots=True)
class _Range:
    """The watches of one prefix: those that want all of it, and those that do not."""

    plain: set[Watch] = field(default_factory=set)
    marked: dict[Marks, _Marked] = field(default_factory=dict)


class Watchers:
    """All watches of a store."""

    def __init__(self) -> None:
        self._ranges: dict[str, _Range] = {}
        # How many ranges have a prefix of this length: a change looks each length up once.
        self._lengths: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __iter__(self) -> Iterator[Watch]:
        for part in self._ranges.values():
            yield from part.plain
            for marked in part.marked.values():
                for watches in marked.watches.values():
                    yield from watches

    def add(self, watch: Watch) -> None:
        """From now on changes find it."""
        part = self._ranges.get(watch.prefix)
        if part is None:
            part = self._ranges[watch.prefix] = _Range()
            length = len(watch.prefix)
            self._lengths[length] = self._lengths.get(length, 0) + 1
        if watch.interest is None:
            part.plain.add(watch)
            return
        marked = part.marked.setdefault(watch.interest.marks, _Marked(watch.interest.marks))
        marked.watches.setdefault(watch.interest.mark, set()).add(watch)

    def remove(self, watch: Watch) -> None:
        """Forget it, and what was kept for it alone."""
        part = self._ranges[watch.prefix]
        part.plain.discard(watch)
        if watch.interest is not None:
            _take_out(part, watch, watch.interest)
        if part.plain or part.marked:
            return
        del self._ranges[watch.prefix]
        length = len(watch.prefix)
        self._lengths[length] -= 1
        if not self._lengths[length]:
            del self._lengths[length]

    def of(self, change: Change) -> Iterator[Watch]:
        """The watches that want to be told."""
        key = change.record.key
        for length in self._lengths:
            part = self._ranges.get(key[:length]) if length <= len(key) else None
            if part is None:
                continue
            yield from part.plain
            for marked in part.marked.values():
                for mark in set(marked.of(change)):
                    yield from marked.watches.get(mark, ())

    def wants(self, watch: Watch, change: Change) -> bool:
        """Whether a change of the watch's range is of interest to it."""
        if watch.interest is None:
            return True
        marked = self._ranges[watch.prefix].marked[watch.interest.marks]
        return watch.interest.mark in marked.of(change)


def _take_out(part: _Range, watch: Watch, interest: Interest) -> None:
    marked = part.marked[interest.marks]
    watches = marked.watches[interest.mark]
    watches.discard(watch)
    if not watches:
        del marked.watches[interest.mark]
    if not marked.watches:
        del part.marked[interest.marks]
