# SPDX-License-Identifier: Apache-2.0
"""The file's tables, by version.

`change` holds every kept write under its revision, and through that the current values too: a row goes at compaction
only when a newer one has taken its place. `current` says which row each key has now. A deletion has no value of its
own; `previous` leads to the row that it ended.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from controlplane.store.errors import UnusableError

APPLICATION_ID = 0x4F524C50
"""PRAGMA application_id of our files ("ORLP"): another program's database is not touched."""

_VERSION_1 = """
CREATE TABLE change (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value BLOB,
    created INTEGER NOT NULL,
    previous INTEGER NOT NULL
);
CREATE UNIQUE INDEX change_by_key ON change (key, revision);
CREATE TABLE current (key TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE history (oldest INTEGER NOT NULL);
INSERT INTO history VALUES (1);
CREATE TABLE mark (time REAL NOT NULL, revision INTEGER NOT NULL, size INTEGER NOT NULL);
"""

MIGRATIONS = (_VERSION_1,)
"""What makes version n + 1 of version n, from an empty file on; each runs in one transaction."""


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the file to the newest version. Raises UnusableError for a file that is not ours or newer than we are."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise UnusableError(
            f"cannot open {path}: it is a database of another program; name a file of its own for the store"
        )
    if version > len(migrations):
        raise UnusableError(
            f"cannot open {path}: its schema is version {version}, this program knows up to {len(migrations)}; "
            "run the newer program that wrote it, or restore a backup from before"
        )
    for number, script in enumerate(migrations[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT;"
        )
