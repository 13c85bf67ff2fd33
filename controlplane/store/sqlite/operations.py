# SPDX-License-Identifier: Apache-2.0
"""Writes as values, and what each does inside a transaction that the writer has begun."""

import sqlite3
from dataclasses import dataclass
from typing import Protocol

from controlplane.store import refusals
from controlplane.store.interface import Change, ChangeKind, Record
from controlplane.store.retention import Mark

KINDS = (ChangeKind.CREATED, ChangeKind.UPDATED, ChangeKind.DELETED)
"""change.kind is an index of this."""

_FIND = """SELECT change.key, value, created, change.revision FROM current JOIN change USING (revision)
    WHERE current.key = ?"""


class Operation(Protocol):
    """One write."""

    def apply(self, connection: sqlite3.Connection, revision: int, /) -> Change | None:
        """Do it; revision is the one that a change takes. A refusal (StoreError) is raised before anything is written.

        None: no change of a record.
        """
        ...


def find(connection: sqlite3.Connection, key: str) -> Record | None:
    """The current record of a key."""
    row = connection.execute(_FIND, (key,)).fetchone()
    return Record(*row) if row else None


@dataclass(frozen=True, slots=True)
class Create:
    """See interface.Store.create."""

    key: str
    value: bytes

    def apply(self, connection: sqlite3.Connection, revision: int) -> Change:
        """See Operation."""
        if connection.execute("SELECT 1 FROM current WHERE key = ?", (self.key,)).fetchone():
            raise refusals.exists(self.key)
        connection.execute(
            "INSERT INTO change VALUES (?, ?, 0, ?, ?, 0)", (revision, self.key, self.value, revision)
        )
        connection.execute("INSERT INTO current VALUES (?, ?)", (self.key, revision))
        return Change(ChangeKind.CREATED, Record(self.key, self.value, revision, revision))


@dataclass(frozen=True, slots=True)
class Update:
    """See interface.Store.update."""

    key: str
    value: bytes
    expected: int

    def apply(self, connection: sqlite3.Connection, revision: int) -> Change:
        """See Operation."""
        old = _expected(connection, "update", self.key, self.expected)
        row = (revision, self.key, self.value, old.create_revision, old.mod_revision)
        connection.execute("INSERT INTO change VALUES (?, ?, 1, ?, ?, ?)", row)
        connection.execute("UPDATE current SET revision = ? WHERE key = ?", (revision, self.key))
        return Change(
            ChangeKind.UPDATED, Record(self.key, self.value, old.create_revision, revision), old.value
        )


@dataclass(frozen=True, slots=True)
class Delete:
    """See interface.Store.delete."""

    key: str
    expected: int

    def apply(self, connection: sqlite3.Connection, revision: int) -> Change:
        """See Operation."""
        old = _expected(connection, "delete", self.key, self.expected)
        row = (revision, self.key, old.create_revision, old.mod_revision)
        connection.execute("INSERT INTO change VALUES (?, ?, 2, NULL, ?, ?)", row)
        connection.execute("DELETE FROM current WHERE key = ?", (self.key,))
        return Change(ChangeKind.DELETED, Record(self.key, old.value, old.create_revision, revision))


@dataclass(frozen=True, slots=True)
class Compact:
    """Forget the history before a revision. Its work grows with the revisions since the compaction before."""

    revision: int

    def apply(self, connection: sqlite3.Connection, _revision: int) -> None:
        """See Operation."""
        (oldest,) = connection.execute("SELECT oldest FROM history").fetchone()
        span = (oldest, self.revision)
        # What one of these changes has replaced is only seen from before it, and a deletion is nothing to see.
        connection.execute(
            """DELETE FROM change WHERE revision IN
            (SELECT previous FROM change WHERE revision > ? AND revision <= ? AND previous > 0)""",
            span,
        )
        connection.execute("DELETE FROM change WHERE revision > ? AND revision <= ? AND kind = 2", span)
        connection.execute("UPDATE history SET oldest = ?", (max(span),))
        connection.execute("DELETE FROM mark WHERE revision <= ?", (self.revision,))


@dataclass(frozen=True, slots=True)
class Note:
    """Keep a mark, so that a restart knows how old history is."""

    mark: Mark

    def apply(self, connection: sqlite3.Connection, _revision: int) -> None:
        """See Operation."""
        row = (self.mark.time, self.mark.revision, self.mark.size)
        connection.execute("INSERT INTO mark VALUES (?, ?, ?)", row)


def _expected(connection: sqlite3.Connection, verb: str, key: str, expected: int) -> Record:
    current = find(connection, key)
    if current is None or current.mod_revision != expected:
        raise refusals.conflict(verb, key, expected, current)
    return current
