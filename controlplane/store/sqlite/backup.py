# SPDX-License-Identifier: Apache-2.0
"""Copies of a store while it runs, and a store made of a copy."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from controlplane.store.errors import UnavailableError, UnusableError
from controlplane.store.sqlite.connection import check, check_header, connect, make_private, told
from controlplane.store.sqlite.lock import FileLock
from controlplane.store.sqlite.reader import newest_revision
from controlplane.store.sqlite.schema import migrate

REVISION_JUMP = 1_000_000_000
"""Revisions that a restored store leaves out: more than were written between the backup and its restoration, so that no
client takes a new revision for one that it has seen. All clients list again."""


def write_backup(source: Path, target: Path) -> int:
    """Copy a store that may be open, in one transaction, into a file that appears whole; the copy's revision.

    Blocks. target is replaced. Raises UnavailableError.
    """
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        make_private(staged)
        with (
            told(f"back up {source} to", target),
            closing(connect(source)) as here,
            closing(sqlite3.connect(staged)) as there,
        ):
            here.backup(there)
            # One file, without a log beside it.
            there.execute("PRAGMA journal_mode = DELETE")
            revision = newest_revision(there)
        _replace(staged, target)
    except OSError as error:
        raise UnavailableError(f"cannot back up {source} to {target}: {error.strerror}") from error
    finally:
        staged.unlink(missing_ok=True)
    return revision


def restore(backup: Path, path: Path) -> int:
    """Make the store at path of a backup; what was there is replaced. The first revision of the new store.

    Blocks. No program may have the store open. Raises UnusableError for a damaged backup or a store in use, and
    UnavailableError. When it fails, what was there is as before.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    lock = FileLock(path)
    try:
        revision = stage(backup, staged)
        install(staged, path)
    finally:
        staged.unlink(missing_ok=True)
        _remove_logs(staged)
        lock.release()
    return revision


def install(staged: Path, path: Path) -> None:
    """Put what `stage` made in the place of the store at path, whose lock the caller holds. UnavailableError."""
    try:
        with told("replace", path):
            _fold_log(path)
        _remove_logs(path)
        _replace(staged, path)
    except OSError as error:
        raise UnavailableError(f"cannot replace {path}: {error.strerror}") from error


def stage(backup: Path, staged: Path) -> int:
    """A checked copy without history, far ahead of every revision that a client can have seen; its first revision.

    Raises UnusableError for a backup that is damaged or newer than this program, and UnavailableError.
    """
    if not backup.is_file():
        raise UnusableError(f"cannot restore {backup}: there is no such file")
    with told(f"restore {backup} to", staged):
        return _copy(backup, staged)


def _copy(backup: Path, staged: Path) -> int:
    # immutable: the backup may lie on a file system that cannot be written.
    check_header(backup)
    source = sqlite3.connect(f"file:{_quoted(backup)}?mode=ro&immutable=1", uri=True)
    with closing(source) as here, closing(connect(staged)) as there:
        check(here, backup)
        here.backup(there)
        migrate(there, backup)
        first = newest_revision(there) + REVISION_JUMP
        there.execute("BEGIN IMMEDIATE")
        there.execute("DELETE FROM change WHERE revision NOT IN (SELECT revision FROM current)")
        there.execute("DELETE FROM mark")
        there.execute("UPDATE history SET oldest = ?", (first,))
        there.execute("COMMIT")
        there.execute("PRAGMA journal_mode = DELETE")
    return first


def _fold_log(path: Path) -> None:
    """Bring the old file's log into it: until it is replaced it must be whole by itself."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        # A damaged store is what people restore for.
        return


def _remove_logs(path: Path) -> None:
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _replace(staged: Path, target: Path) -> None:
    """Durably: the file first, then its name."""
    for step in (staged, None, target.parent):
        if step is None:
            staged.replace(target)
            continue
        opened = os.open(step, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
