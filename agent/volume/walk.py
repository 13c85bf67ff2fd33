# SPDX-License-Identifier: Apache-2.0
"""Looking into folders that somebody else may change meanwhile: by descriptors, never over links or into mounts."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.volume import syscalls
from agent.volume.errors import VolumeError
from agent.volume.syscalls import Resolve

# Each level holds a descriptor open while it is walked.
MAX_DEPTH: Final = 256
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_STAY: Final = Resolve.BENEATH | Resolve.NO_SYMLINKS | Resolve.NO_XDEV


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an open folder; status is its own, not that of what a link leads to."""

    folder: int
    name: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder itself."""
        return stat.S_ISDIR(self.status.st_mode)


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY | os.O_DIRECTORY) -> Iterator[int]:
    """A descriptor of path, closed after the block."""
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_folder(folder: int, name: str) -> int:
    """Open the folder of this name in an open one; OSError when it is a link or a mount point."""
    return syscalls.openat2(folder, name, _FOLDER, _STAY)


def entries(folder: int) -> Iterator[Entry]:
    """What an open folder holds; what vanishes meanwhile is passed over."""
    for name in os.listdir(folder):
        try:
            yield Entry(folder, name, os.lstat(name, dir_fd=folder))
        except FileNotFoundError:
            continue


def tree(folder: int) -> Iterator[Entry]:
    """Everything below an open folder, a folder before its content; mounts inside are named and not entered.

    Raises VolumeError when it is deeper than MAX_DEPTH.
    """
    levels: list[tuple[int, Iterator[Entry]]] = [(-1, entries(folder))]
    try:
        while levels:
            entry = next(levels[-1][1], None)
            if entry is None:
                _close(levels.pop()[0])
                continue
            yield entry
            if entry.is_folder:
                _descend(entry, levels)
    finally:
        for descriptor, _ in levels:
            _close(descriptor)


def _descend(entry: Entry, levels: list[tuple[int, Iterator[Entry]]]) -> None:
    if len(levels) > MAX_DEPTH:
        raise VolumeError(f"cannot walk folder {entry.name}: it is more than {MAX_DEPTH} levels deep")
    try:
        inner = open_folder(entry.folder, entry.name)
    except OSError:
        # A mount, or it was removed or replaced by a link just now.
        return
    levels.append((inner, entries(inner)))


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
