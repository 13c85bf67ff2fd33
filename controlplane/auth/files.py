# SPDX-License-Identifier: Apache-2.0
"""Files that hold keys: complete or absent, with their mode from the first byte, and never overwritten by accident."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from controlplane.auth.errors import PkiError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def write_new(path: Path, data: bytes, mode: int) -> bytes:
    """Write path unless it is there; gives what the file holds afterwards (another process may have been first)."""
    try:
        with _complete(path, data, mode) as temporary:
            os.link(temporary, path)
        _sync_folder(path.parent)
    except FileExistsError:
        return read(path)
    except OSError as error:
        raise PkiError(f"cannot write {path}: {error.strerror}") from error
    return data


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put new content in place of the old in one step."""
    try:
        with _complete(path, data, mode) as temporary:
            temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise PkiError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> bytes:
    """The file's content. Raises PkiError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PkiError(f"cannot read {path}: {error.strerror}") from error


@contextmanager
def _complete(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file beside path with all the data on disk; gone afterwards if it was not moved."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
