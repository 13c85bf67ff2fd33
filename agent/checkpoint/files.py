# SPDX-License-Identifier: Apache-2.0
"""A folder of small private files: each is replaced whole, is on the disk afterwards, or is not changed at all."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
SUFFIX: Final = ".json"


def read_all(folder: Path) -> dict[str, bytes]:
    """The files by name; none when the folder is not there. Unfinished ones are left out and removed."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix == SUFFIX and not path.name.startswith("."):
            with suppress(OSError):
                found[path.name] = path.read_bytes()
        else:
            path.unlink(missing_ok=True)
    return found


def write(folder: Path, name: str, data: bytes) -> None:
    """Replace one file."""
    new = folder / f".{name}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / name)


def make(folder: Path) -> None:
    """The folder, which nobody else may open."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files, whether they are there or not."""
    for name in names:
        (folder / name).unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Have the names on the disk too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
