# SPDX-License-Identifier: Apache-2.0
"""Reads, in the event loop: in slices of a millisecond, which is less than handing each to a thread costs.

Every list has a connection of its own for as long as it runs, and one transaction on it: its slices are one snapshot,
whatever is written in between.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from controlplane.store import refusals
from controlplane.store.interface import Change, ChangeKind, Page, Record
from controlplane.store.keys import end_of, first_of, following
from controlplane.store.sqlite.connection import connect, told
from controlplane.store.sqlite.operations import KINDS, find

LISTS = 8
"""Lists that run at the same time; more wait."""
SLICE = 250
WINDOW = 500
"""Revisions of history that a watch reads at a time."""

_NOW = """SELECT change.key, value, created, change.revision FROM current JOIN change USING (revision)
    WHERE current.key >= ? AND current.key < ? ORDER BY current.key LIMIT ?"""
_COUNT_NOW = "SELECT count(*) FROM current WHERE key >= ? AND key < ?"
# From the index alone, in its order: which row each key had at a revision, deletions among them.
_NEWEST_AT = """SELECT max(revision) FROM change WHERE key >= ? AND key < ? AND revision <= ?
    GROUP BY key ORDER BY key"""
_HISTORY = """SELECT new.kind, new.key, coalesce(new.value, old.value), new.created, new.revision, old.value
    FROM change AS new LEFT JOIN change AS old ON old.revision = new.previous
    WHERE new.revision > ? AND new.revision <= ? AND new.key >= ? AND new.key < ? ORDER BY new.revision"""

_SIZES = "SELECT revision, coalesce(length(value), 0) FROM change WHERE revision > ? ORDER BY revision DESC"

_Slices = Generator[Sequence[Record], None, None]


class Reader:
    """The reading connections of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._single = connect(path)
        self._free: list[sqlite3.Connection] = []
        self._room = asyncio.Semaphore(LISTS)

    def get(self, key: str) -> Record | None:
        """The current record."""
        with told("read", self._path):
            return find(self._single, key)

    async def page(self, prefix: str, start_key: str, limit: int, revision: int) -> Page:
        """See interface.Store.list."""
        with told("read", self._path):
            async with self._snapshot() as connection:
                oldest, newest = _bounds(connection)
                at = revision or newest
                refusals.check_kept("list", at, oldest, newest)
                start, end = first_of(prefix, start_key), end_of(prefix)
                found = (
                    _rows_now(connection, start, end, limit)
                    if at == newest
                    else _rows_at(connection, start, end, at)
                )
                # Closed before the transaction: a statement under way would keep its snapshot.
                with closing(found):
                    records = await _collect(found, limit + 1 if limit else 0)
                if not limit or len(records) <= limit:
                    return Page(tuple(records), at, remaining=0)
                next_key = following(records[limit - 1].key)
                remaining = _count(connection, _COUNT_NOW, next_key, end) if at == newest else None
                return Page(tuple(records[:limit]), at, next_key, remaining)

    async def history(self, prefix: str, after: int, until: int) -> AsyncGenerator[Sequence[Change], None]:
        """See fanout.History."""
        while after < until:
            with told("read", self._path):
                part = self._window(prefix, after, min(after + WINDOW, until))
            yield part
            after += WINDOW
            await asyncio.sleep(0)

    def rewind(self, count: int, size: int) -> int:
        """The revision after which at most so many changes with at most so many bytes of values come."""
        with told("read", self._path):
            oldest, newest = _bounds(self._single)
            rows = self._single.execute(_SIZES, (max(oldest, newest - count),))
            for revision, length in rows:
                size -= length
                if size < 0:
                    rows.close()
                    return int(revision)
        return max(oldest, newest - count)

    async def close(self) -> None:
        """Close all connections when the lists under way have ended."""
        for _ in range(LISTS):
            await self._room.acquire()
        for connection in (self._single, *self._free):
            connection.close()

    def _window(self, prefix: str, after: int, until: int) -> list[Change]:
        connection = self._single
        connection.execute("BEGIN")
        try:
            oldest, _ = _bounds(connection)
            if after < oldest:
                raise refusals.compacted("watch after", after, oldest)
            rows = connection.execute(_HISTORY, (after, until, prefix, end_of(prefix))).fetchall()
        finally:
            connection.execute("COMMIT")
        return [_change(*row) for row in rows]

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[sqlite3.Connection]:
        async with self._room:
            connection = self._free.pop() if self._free else connect(self._path)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.rollback()
                self._free.append(connection)


def newest_revision(connection: sqlite3.Connection) -> int:
    """Of the file; a compaction may have removed the row of the newest write."""
    return _bounds(connection)[1]


def oldest_revision(connection: sqlite3.Connection) -> int:
    """What history begins at."""
    return _bounds(connection)[0]


def _bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    """The oldest revision that is kept, and the newest."""
    oldest, newest = connection.execute(
        "SELECT oldest, coalesce((SELECT max(revision) FROM change), 0) FROM history"
    ).fetchone()
    return oldest, max(oldest, newest)


def _rows_now(connection: sqlite3.Connection, start: str, end: str, limit: int) -> _Slices:
    cursor = connection.execute(_NOW, (start, end, limit + 1 if limit else -1))
    while rows := cursor.fetchmany(SLICE):
        yield [Record(*row) for row in rows]


def _rows_at(connection: sqlite3.Connection, start: str, end: str, at: int) -> _Slices:
    cursor = connection.execute(_NEWEST_AT, (start, end, at))
    while revisions := [row[0] for row in cursor.fetchmany(SLICE)]:
        marks = ",".join("?" * len(revisions))
        rows = connection.execute(
            f"SELECT key, value, created, revision FROM change WHERE revision IN ({marks}) AND kind != 2 ORDER BY key",
            revisions,
        )
        yield [Record(*row) for row in rows]


async def _collect(slices: _Slices, count: int) -> list[Record]:
    """The first `count` records, 0 for all; the event loop goes on in between."""
    records: list[Record] = []
    for part in slices:
        records += part
        if count and len(records) >= count:
            return records[:count]
        await asyncio.sleep(0)
    return records


def _count(connection: sqlite3.Connection, query: str, start: str, end: str) -> int:
    (count,) = connection.execute(query, (start, end)).fetchone()
    return int(count)


def _change(kind: int, key: str, value: bytes, created: int, revision: int, old: bytes | None) -> Change:
    updated = KINDS[kind] is ChangeKind.UPDATED
    return Change(KINDS[kind], Record(key, value, created, revision), old if updated else None)
