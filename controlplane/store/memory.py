# SPDX-License-Identifier: Apache-2.0
"""A store that is gone with its process: for labs that are thrown away, and the reference of the other drivers."""

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from itertools import islice

from controlplane.store import refusals
from controlplane.store.fanout import Fanout
from controlplane.store.interface import Change, ChangeKind, Interest, Page, Progress, Record
from controlplane.store.keys import end_of, first_of, following
from controlplane.store.recent import Bounds, weight
from controlplane.store.retention import Keeper, Retention


class MemoryStore:
    """Sorted keys, each with its kept versions, and all kept changes."""

    def __init__(
        self,
        *,
        retention: Retention | None = None,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """retention: how much history is kept without being asked; bounds: see recent.py; clock: seconds."""
        self._revision = 1
        self._oldest = 1
        self._keys: list[str] = []
        # Of each key the changes that are kept, oldest first. A deletion is one of them.
        self._versions: dict[str, list[Change]] = {}
        self._changes: list[Change] = []
        self._fanout = Fanout(self._revision, self._history, self._check, bounds)
        self._keeper = Keeper(retention or Retention())
        self._clock = clock

    async def current_revision(self) -> int:
        """As in interface.Store."""
        return self._revision

    async def get(self, key: str) -> Record | None:
        """As in interface.Store."""
        return self._current(key)

    async def list(self, prefix: str, *, limit: int = 0, start_key: str = "", revision: int = 0) -> Page:
        """As in interface.Store."""
        at = revision or self._revision
        refusals.check_kept("list", at, self._oldest, self._revision)
        found = self._range(prefix, first_of(prefix, start_key), at)
        if not limit:
            return Page(tuple(found), at, remaining=0)
        records, remaining = tuple(islice(found, limit)), sum(1 for _ in found)
        return Page(records, at, following(records[-1].key) if remaining else "", remaining)

    async def create(self, key: str, value: bytes) -> Record:
        """As in interface.Store."""
        if self._current(key):
            raise refusals.exists(key)
        revision = self._revision + 1
        return self._write(Change(ChangeKind.CREATED, Record(key, value, revision, revision)))

    async def update(self, key: str, value: bytes, *, expected: int) -> Record:
        """As in interface.Store."""
        current = self._expected("update", key, expected)
        record = Record(key, value, current.create_revision, self._revision + 1)
        return self._write(Change(ChangeKind.UPDATED, record, current.value))

    async def delete(self, key: str, *, expected: int) -> Record:
        """As in interface.Store."""
        current = self._expected("delete", key, expected)
        record = Record(key, current.value, current.create_revision, self._revision + 1)
        return self._write(Change(ChangeKind.DELETED, record))

    def watch(
        self, prefix: str, *, after: int, interest: Interest | None = None
    ) -> AsyncGenerator[Change | Progress, None]:
        """As in interface.Store."""
        return self._fanout.watch(prefix, after, interest)

    async def compact(self, revision: int) -> None:
        """As in interface.Store."""
        if revision > self._revision:
            raise refusals.future("compact at", revision, self._revision)
        if revision > self._oldest:
            self._forget(revision)

    async def close(self) -> None:
        """As in interface.Store."""
        self._fanout.close()

    def _current(self, key: str) -> Record | None:
        versions = self._versions.get(key)
        return _live(versions[-1]) if versions else None

    def _expected(self, verb: str, key: str, expected: int) -> Record:
        current = self._current(key)
        if current is None or current.mod_revision != expected:
            raise refusals.conflict(verb, key, expected, current)
        return current

    def _range(self, prefix: str, start: str, at: int) -> Iterator[Record]:
        begin, end = bisect_left(self._keys, start), bisect_left(self._keys, end_of(prefix))
        for key in islice(self._keys, begin, end):
            versions = self._versions[key]
            newest = len(versions) if at >= self._revision else bisect_right(versions, at, key=_revision)
            record = _live(versions[newest - 1]) if newest else None
            if record is not None:
                yield record

    def _write(self, change: Change) -> Record:
        record = change.record
        self._revision = record.mod_revision
        if record.key not in self._versions:
            insort(self._keys, record.key)
        self._versions.setdefault(record.key, []).append(change)
        self._changes.append(change)
        self._fanout.publish((change,))
        noted = self._keeper.note(self._clock(), self._revision, weight(change))
        if noted and noted.point:
            self._forget(noted.point)
        return record

    def _forget(self, revision: int) -> None:
        """Drop what only snapshots and watches before this revision need."""
        self._oldest = revision
        gone = self._changes[: bisect_right(self._changes, revision, key=_revision)]
        del self._changes[: len(gone)]
        for key in {change.record.key for change in gone}:
            versions = self._versions[key]
            needed = bisect_right(versions, revision, key=_revision) - 1
            # A deletion at or before the revision leaves nothing to see.
            del versions[: needed + (versions[needed].kind is ChangeKind.DELETED)]
            if not versions:
                del self._versions[key]
                del self._keys[bisect_left(self._keys, key)]

    async def _check(self, after: int) -> None:
        refusals.check_kept("watch after", after, self._oldest, self._revision)

    async def _history(self, prefix: str, after: int, until: int) -> AsyncGenerator[Sequence[Change], None]:
        """See fanout.History. In parts, so that nothing is held while a reader is slow."""
        while after < until:
            if after < self._oldest:
                raise refusals.compacted("watch after", after, self._oldest)
            begin = bisect_right(self._changes, after, key=_revision)
            part = self._changes[begin : begin + 1000]
            after = part[-1].record.mod_revision if part else until
            yield [change for change in part if change.record.key.startswith(prefix)]


def _live(change: Change) -> Record | None:
    return None if change.kind is ChangeKind.DELETED else change.record


def _revision(change: Change) -> int:
    return change.record.mod_revision
