# SPDX-License-Identifier: Apache-2.0
"""One stream of changes in, any number of watches out.

A watch has no queue of its own: it has a position, and is woken when a change of its range comes. It reads from the
newest changes that all watches share (recent.py); one that is too slow for those reads the driver's history until it
has caught up. So a slow watch costs no memory, and it only fails when history itself is gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial

from controlplane.store.errors import UnavailableError
from controlplane.store.interface import Change, Interest, Progress
from controlplane.store.recent import Bounds, Recent
from controlplane.store.watchers import Watch, Watchers

BATCH = 100
"""Changes that a watch holds at a time."""
PROGRESS_SECONDS = 1.0

History = Callable[[str, int, int], AsyncGenerator[Sequence[Change], None]]
"""(prefix, after, until): the range's changes with after < revision <= until, in order, in parts; CompactedError."""
Check = Callable[[int], Awaitable[None]]
"""Raises CompactedError or FutureRevisionError for a revision that a watch cannot begin after."""


class Fanout:
    """The watches of one store. Lives in one event loop: nothing here may be called from another thread."""

    def __init__(self, revision: int, history: History, check: Check, bounds: Bounds | None = None) -> None:
        """revision: that of the store now; what was before comes from history."""
        self.revision = revision
        self._recent = Recent(revision, bounds or Bounds())
        self._history = history
        self._check = check
        self._watches = Watchers()
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
        for watch in self._watches:
            watch.pending = watch.pending or gap_begins
            watch.wake()

    async def watch(
        self, prefix: str, after: int, interest: Interest | None = None
    ) -> AsyncGenerator[Change | Progress, None]:
        """As in interface.Store.watch."""
        try:
            await self._check(after)
        except UnavailableError:
            if self._closed:
                return
            raise
        watch = Watch(prefix, told=after, interest=interest, known=after)
        if after < self.revision:
            watch.pending, watch.progress_due = after + 1, True
        self._watches.add(watch)
        try:
            while not self._closed:
                if watch.pending:
                    after = max(watch.told, watch.pending - 1)
                    watch.pending = 0
                    if after >= self._recent.floor:
                        # Not by a generator of its own: this is done for each change and watch.
                        for change in self._read_recent(watch, after):
                            watch.told = watch.known = change.record.mod_revision
                            yield change
                        continue
                    async with aclosing(self._read_history(watch, after)) as changes:
                        async for change in changes:
                            watch.told = watch.known = change.record.mod_revision
                            yield change
                elif watch.progress_due and watch.known < self.revision:
                    watch.progress_due, watch.known = False, self.revision
                    yield Progress(watch.known)
                else:
                    await watch.wait()
        finally:
            self._watches.remove(watch)

    def close(self) -> None:
        """End all watches."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for watch in self._watches:
            watch.wake()

    async def _read_history(self, watch: Watch, after: int) -> AsyncGenerator[Change, None]:
        """What is past and not in memory any more."""
        until = self.revision
        async with aclosing(self._history(watch.prefix, after, until)) as parts:
            async for part in parts:
                for change in part:
                    yield change
                if self._closed:
                    return
        watch.told = max(watch.told, until)

    def _read_recent(self, watch: Watch, after: int) -> list[Change]:
        wanted = None if watch.interest is None else partial(self._watches.wants, watch)
        changes = self._recent.read(watch.prefix, after, BATCH, wanted)
        if len(changes) == BATCH:
            watch.pending = changes[-1].record.mod_revision + 1
        return changes

    def _wake(self, change: Change) -> None:
        revision = change.record.mod_revision
        for watch in self._watches.of(change):
            if revision > watch.told:
                watch.pending = watch.pending or revision
                watch.wake()

    def _progress(self) -> None:
        self._timer = None
        for watch in self._watches:
            if watch.known < self.revision:
                watch.progress_due = True
                watch.wake()
