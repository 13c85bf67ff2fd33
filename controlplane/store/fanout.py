# SPDX-License-Identifier: Apache-2.0
"""One stream of changes in, any number of watches out.

A watch has no queue of its own: it has a position, and is woken when a change of its range comes. It reads from the
newest changes that all watches share (recent.py); one that is too slow for those reads the driver's history until it
has caught up. So a slow watch costs no memory, and it only fails when history itself is gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from controlplane.store.errors import UnavailableError
from controlplane.store.interface import Change, Progress
from controlplane.store.recent import Bounds, Recent

BATCH = 100
"""Changes that a watch holds at a time."""
PROGRESS_SECONDS = 1.0

History = Callable[[str, int, int], AsyncGenerator[Sequence[Change], None]]
"""(prefix, after, until): the range's changes with after < revision <= until, in order, in parts; CompactedError."""
Check = Callable[[int], Awaitable[None]]
"""Raises CompactedError or FutureRevisionError for a revision that a watch cannot begin after."""


@dataclass(slots=True, eq=False)
class _Watch:
    prefix: str
    # Every change up to here has been given to the reader.
    told: int
    # The revision of the first change of the range that was not, 0 if there is none.
    pending: int = 0
    # The newest revision that the reader knows of, from a change or a Progress.
    known: int = 0
    progress_due: bool = False
    waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def wait(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None


class Fanout:
    """The watches of one store. Lives in one event loop: nothing here may be called from another thread."""

    def __init__(self, revision: int, history: History, check: Check, bounds: Bounds | None = None) -> None:
        """revision: that of the store now; what was before comes from history."""
        self.revision = revision
        self._recent = Recent(revision, bounds or Bounds())
        self._history = history
        self._check = check
        self._watches: dict[str, set[_Watch]] = {}
        self._lengths: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def publish(self, changes: Sequence[Change], revision: int = 0) -> None:
        """Tell the watches; revision (0: the last change's) is up to where this is everything."""
        self._recent.append(changes)
        if not revision and changes:
            revision = changes[-1].record.mod_revision
        self.revision = max(self.revision, revision)
        for change in changes:
            self._wake(change)
        if self._watches and self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(PROGRESS_SECONDS, self._progress)

    def skip_to(self, revision: int) -> None:
        """There is a gap: what lies before this revision comes from history, or is gone."""
        self._recent.reset(revision)
        gap_begins, self.revision = self.revision + 1, revision
        for watch in self._all():
            watch.pending = watch.pending or gap_begins
            watch.wake()

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Change | Progress, None]:
        """As in interface.Store.watch."""
        try:
            await self._check(after)
        except UnavailableError:
            if self._closed:
                return
            raise
        watch = _Watch(prefix, told=after, known=after)
        if after < self.revision:
            watch.pending, watch.progress_due = after + 1, True
        self._add(watch)
        try:
            while not self._closed:
                if watch.pending:
                    async with aclosing(self._read(watch)) as changes:
                        async for change in changes:
                            watch.told = watch.known = change.record.mod_revision
                            yield change
                elif watch.progress_due and watch.known < self.revision:
                    watch.progress_due, watch.known = False, self.revision
                    yield Progress(watch.known)
                else:
                    await watch.wait()
        finally:
            self._remove(watch)

    def close(self) -> None:
        """End all watches."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for watch in self._all():
            watch.wake()

    async def _read(self, watch: _Watch) -> AsyncGenerator[Change, None]:
        """What is pending, or the first part of it."""
        after, until = max(watch.told, watch.pending - 1), self.revision
        watch.pending = 0
        if after >= self._recent.floor:
            for change in self._read_recent(watch, after):
                yield change
            return
        async with aclosing(self._history(watch.prefix, after, until)) as parts:
            async for part in parts:
                for change in part:
                    yield change
                if self._closed:
                    return
        watch.told = max(watch.told, until)

    def _read_recent(self, watch: _Watch, after: int) -> list[Change]:
        changes = self._recent.read(watch.prefix, after, BATCH)
        if len(changes) == BATCH:
            watch.pending = changes[-1].record.mod_revision + 1
        return changes

    def _wake(self, change: Change) -> None:
        key, revision = change.record.key, change.record.mod_revision
        for length in self._lengths:
            for watch in self._watches.get(key[:length], ()) if length <= len(key) else ():
                if revision > watch.told:
                    watch.pending = watch.pending or revision
                    watch.wake()

    def _progress(self) -> None:
        self._timer = None
        for watch in self._all():
            if watch.known < self.revision:
                watch.progress_due = True
                watch.wake()

    def _all(self) -> list[_Watch]:
        return [watch for group in self._watches.values() for watch in group]

    def _add(self, watch: _Watch) -> None:
        self._watches.setdefault(watch.prefix, set()).add(watch)
        self._lengths[len(watch.prefix)] = self._lengths.get(len(watch.prefix), 0) + 1

    def _remove(self, watch: _Watch) -> None:
        group, length = self._watches[watch.prefix], len(watch.prefix)
        group.discard(watch)
        if not group:
            del self._watches[watch.prefix]
        self._lengths[length] -= 1
        if not self._lengths[length]:
            del self._lengths[length]
