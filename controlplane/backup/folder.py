# SPDX-License-Identifier: Apache-2.0
"""A folder for half-done work beside the file that it becomes, so that a rename puts it there."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controlplane.backup.errors import BackupError


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """An empty private folder, gone afterwards; what a killed process left in it goes first.

    Raises BackupError while another process works for the same target, OSError.
    """
    folder = target.with_name(f".{target.name}.partial")
    folder.mkdir(mode=0o700, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(held, target)
        _empty(folder)
        yield folder
    finally:
        # Only the holder of the lock may take the folder away.
        with suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _lock(held: int, target: Path) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BackupError(
            f"cannot write {target}: another process is writing it; wait for its end"
        ) from error


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def put(finished: Path, target: Path) -> None:
    """Give a finished file its place, durably: first the content, then the name. Raises OSError."""
    _sync(finished)
    finished.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
