# SPDX-License-Identifier: Apache-2.0
"""The SQLite driver: one writing thread, reading connections in the event loop, one fan-out of changes."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from controlplane.store import refusals
from controlplane.store.errors import StoreError, UnavailableError
from controlplane.store.fanout import Fanout
from controlplane.store.interface import Change, Interest, Page, Progress, Record
from controlplane.store.recent import Bounds, weight
from controlplane.store.retention import Keeper, Mark, Retention
from controlplane.store.sqlite.backup import write_backup
from controlplane.store.sqlite.connection import check, check_header, connect, told
from controlplane.store.sqlite.lock import FileLock
from controlplane.store.sqlite.operations import Compact, Create, Delete, Note, Operation, Update
from controlplane.store.sqlite.reader import Reader, newest_revision, oldest_revision
from controlplane.store.sqlite.schema import migrate
from controlplane.store.sqlite.writer import Writer

COMPACT_STEP = 500
"""Revisions that are forgotten in one transaction: other writes wait some milliseconds at most."""


@dataclass(frozen=True, slots=True)
class _Opened:
    lock: FileLock
    connection: sqlite3.Connection
    revision: int
    oldest: int
    marks: tuple[Mark, ...]


class SqliteStore:
    """See interface.Store. Made by open_sqlite, in the event loop that it is used in."""

    def __init__(
        self,
        path: Path,
        opened: _Opened,
        retention: Retention,
        bounds: Bounds | None,
        clock: Callable[[], float],
    ) -> None:
        self.path = path
        self._lock = opened.lock
        self._oldest = opened.oldest
        self._clock = clock
        self._keeper = Keeper(retention, opened.marks)
        self._reader = Reader(path)
        bounds = bounds or Bounds()
        # Half: of an update two values are kept.
        rewound = self._reader.rewind(bounds.count, bounds.size // 2)
        self._fanout = Fanout(rewound, self._reader.history, self._check, bounds)
        self._writer = Writer(opened.connection, path, opened.revision, self._publish)
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    async def current_revision(self) -> int:
        """As in interface.Store."""
        return self._writer.revision

    async def get(self, key: str) -> Record | None:
        """As in interface.Store."""
        self._check_open("read")
        return self._reader.get(key)

    async def list(self, prefix: str, *, limit: int = 0, start_key: str = "", revision: int = 0) -> Page:
        """As in interface.Store."""
        self._check_open("read")
        return await self._reader.page(prefix, start_key, limit, revision)

    async def create(self, key: str, value: bytes) -> Record:
        """As in interface.Store."""
        return await self._write(Create(key, value))

    async def update(self, key: str, value: bytes, *, expected: int) -> Record:
        """As in interface.Store."""
        return await self._write(Update(key, value, expected))

    async def delete(self, key: str, *, expected: int) -> Record:
        """As in interface.Store."""
        return await self._write(Delete(key, expected))

    def watch(
        self, prefix: str, *, after: int, interest: Interest | None = None
    ) -> AsyncGenerator[Change | Progress, None]:
        """As in interface.Store."""
        return self._fanout.watch(prefix, after, interest)

    async def compact(self, revision: int) -> None:
        """As in interface.Store."""
        if revision > self._writer.revision:
            raise refusals.future("compact at", revision, self._writer.revision)
        while self._oldest < revision:
            self._check_open("compact")
            await self._compact_step(revision)

    async def backup(self, target: Path) -> int:
        """Write a copy as of now to target, whole or not at all, while the store goes on; the copy's revision.

        Raises UnavailableError. A copy becomes a store with `restore`.
        """
        self._check_open("back up")
        return await asyncio.to_thread(write_backup, self.path, target)

    async def close(self) -> None:
        """As in interface.Store."""
        if self._closed:
            return
        self._closed = True
        self._fanout.close()
        await asyncio.gather(*self._chores)
        await self._writer.close()
        await self._reader.close()
        self._lock.release()

    async def refill(self) -> None:
        """Have the newest history in memory: after a restart every client comes back to it at once."""
        parts = self._reader.history("", self._fanout.revision, self._writer.revision)
        async for part in parts:
            self._fanout.publish(part)
        self._fanout.publish((), self._writer.revision)

    async def _write(self, operation: Operation) -> Record:
        self._check_open("write")
        change = await self._writer.write(operation)
        assert change is not None, "a write of a record is a change"
        return change.record

    def _publish(self, changes: Sequence[Change], revision: int) -> None:
        self._fanout.publish(changes, revision)
        noted = self._keeper.note(self._clock(), revision, sum(map(weight, changes)))
        if noted and not self._closed:
            chore = asyncio.get_running_loop().create_task(self._tidy(noted.mark, noted.point))
            self._chores.add(chore)
            chore.add_done_callback(self._chores.discard)

    async def _tidy(self, mark: Mark, point: int) -> None:
        """Keep a mark, forget old history. What fails (a full disk) is tried again with the next mark."""
        try:
            await self._writer.write(Note(mark))
            while self._oldest < point:
                await self._compact_step(point)
                if self._closed:
                    return
        except StoreError:
            return

    async def _compact_step(self, revision: int) -> None:
        step = min(self._oldest + COMPACT_STEP, revision)
        await self._writer.write(Compact(step))
        self._oldest = max(self._oldest, step)

    async def _check(self, after: int) -> None:
        self._check_open("watch")
        refusals.check_kept("watch after", after, self._oldest, self._writer.revision)

    def _check_open(self, verb: str) -> None:
        if self._closed:
            raise UnavailableError(f"cannot {verb} {self.path}: the store is closed")


async def open_sqlite(
    path: Path | str,
    *,
    retention: Retention | None = None,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.time,
) -> SqliteStore:
    """Open the store at path, or make it; its folder must exist. The whole file is read and checked.

    retention: how much history is kept; bounds: see recent.py; clock: seconds since the epoch. Raises UnusableError for
    a file that is damaged, newer than this program, not a store, or in use; UnavailableError for a file or folder that
    cannot be written.
    """
    file = Path(path)
    opened = await asyncio.to_thread(_open, file)
    store = SqliteStore(file, opened, retention or Retention(), bounds, clock)
    await store.refill()
    return store


def _open(path: Path) -> _Opened:
    with ExitStack() as undo, told("open", path):
        lock = FileLock(path)
        undo.callback(lock.release)
        check_header(path)
        connection = connect(path)
        undo.callback(connection.close)
        check(connection, path)
        migrate(connection, path)
        _check_writable(connection)
        marks = connection.execute("SELECT time, revision, size FROM mark ORDER BY revision").fetchall()
        opened = _Opened(
            lock,
            connection,
            newest_revision(connection),
            oldest_revision(connection),
            tuple(Mark(*row) for row in marks),
        )
        undo.pop_all()
    return opened


def _check_writable(connection: sqlite3.Connection) -> None:
    """A read-only file is told at the start, not at the first write."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE history SET oldest = oldest")
    connection.execute("COMMIT")
