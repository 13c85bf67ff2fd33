# SPDX-License-Identifier: Apache-2.0
"""Opening the file, and SQLite's errors in our words."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controlplane.store.errors import UnavailableError, UnusableError

# Of 4, 8 and 16 KiB: the one with the fastest writes of 1 KiB values (README, "What was measured").
_PAGE_BYTES = 8192
# Left-over size of the write-ahead log after a burst.
_LOG_BYTES = 64 << 20
# The first bytes of every database: https://sqlite.org/fileformat2.html
_MAGIC = b"SQLite format 3\0"

_HINTS = {
    "SQLITE_FULL": "make room on the file system; writes go on by themselves then",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_CANTOPEN": "its folder must exist and be writable",
    "SQLITE_CORRUPT": "the file is damaged: stop, and restore a backup",
    "SQLITE_NOTADB": "the file is not a store: restore a backup, or name another file",
    "SQLITE_IOERR": "look for errors of the disk in the kernel's log",
    "SQLITE_BUSY": "another program holds the file: end it",
}


@contextmanager
def told(what: str, path: Path) -> Iterator[None]:
    """Make UnavailableError of SQLite's errors; what: such as "write"."""
    try:
        yield
    except sqlite3.Error as error:
        raise UnavailableError(f"cannot {what} {path}: {explain(error)}") from error


def explain(error: sqlite3.Error) -> str:
    """SQLite's words and what to do."""
    # Of extended codes such as SQLITE_IOERR_FSYNC the first two words are the kind.
    kind = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    return f"{error}; {_HINTS[kind]}" if kind in _HINTS else str(error)


def make_private(path: Path) -> None:
    """Make the file, if it is not there, for its owner's eyes only: it holds Secrets. SQLite's logs get the same mode.

    What cannot be done here is told better by SQLite when it opens the file.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)


def connect(path: Path) -> sqlite3.Connection:
    """A connection with no transactions of Python's own making; used by one thread at a time.

    synchronous=FULL: each commit is on the disk (fsync of the log) before it returns.
    """
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def check_header(path: Path) -> None:
    """Raise UnusableError for a file of something else: SQLite would take a short one for an empty database."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnavailableError(f"cannot open {path}: {error.strerror}") from error
    if start not in (b"", _MAGIC):
        raise UnusableError(
            f"cannot open {path}: it is not a store; name another file, or restore a backup with "
            "`orlop controlplane restore`"
        )


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise UnusableError when SQLite finds the file damaged. Reads all of it."""
    try:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        found = [str(error)]
    if found != ["ok"]:
        raise UnusableError(
            f"cannot open {path}: it is damaged ({'; '.join(found)}); move it away together with its -wal file and "
            "restore a backup with `orlop controlplane restore`"
        )
