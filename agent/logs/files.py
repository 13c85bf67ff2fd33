# SPDX-License-Identifier: Apache-2.0
"""The files of one log: the one that is written, and the rotated ones in the order of their time.

A rotated file is <log>.<YYYYMMDD-hhmmss>, the time (UTC) of its rotation, with .<n> behind it for the next ones of the
same second, and .gz when it was compressed.
"""

import gzip
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

TMP = ".tmp"
GZ = ".gz"
# How much of two files is compared to tell whether they have the same content: a line begins with its own nanosecond.
_HEAD = 64
_STAMP = re.compile(r"\.(\d{8}-\d{6})(?:\.(\d{1,6}))?(\.gz)?")


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """When a file was rotated: the second, and its number within it."""

    second: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.second}.{self.number}" if self.number else self.second


@dataclass(frozen=True, slots=True, order=True)
class RotatedFile:
    """One rotated file."""

    stamp: Stamp
    is_gz: bool
    path: Path = field(compare=False)


def read_name(log: Path, path: Path) -> RotatedFile | None:
    """The rotated file that a path names; None when it is none of this log."""
    match = _STAMP.fullmatch(path.name.removeprefix(log.name)) if path.name.startswith(log.name) else None
    if match is None:
        return None
    return RotatedFile(Stamp(match[1], int(match[2] or 0)), bool(match[3]), path)


def rotated(log: Path) -> list[RotatedFile]:
    """The rotated files, oldest first. One that was just compressed may be there in both forms."""
    try:
        names = [path for path in log.parent.iterdir() if path.name.startswith(log.name)]
    except FileNotFoundError:
        return []
    return sorted(file for path in names if (file := read_name(log, path)))


def rotated_files(log: Path) -> list[Path]:
    """Their paths, and those of compressions that were not finished."""
    left = log.parent.glob(f"{log.name}.*{TMP}") if log.parent.is_dir() else ()
    return [*(file.path for file in rotated(log)), *left]


@dataclass(slots=True)
class OpenLog:
    """An open file of a log; it can be read to its end whatever becomes of its name.

    modified: seconds since the epoch. head: its first bytes, unpacked. skip: how many lines of it are not wanted.
    """

    file: BinaryIO
    is_gz: bool
    modified: float
    inode: int
    head: bytes
    skip: int = 0

    def is_same(self, other: "OpenLog") -> bool:
        """Whether both have the same content, one perhaps compressed."""
        return self.inode == other.inode or (bool(self.read_head()) and self.head == other.read_head())

    def read_head(self) -> bytes:
        """The first bytes; of a file that was shorter when it was opened, as they are now."""
        if len(self.head) < _HEAD and not self.is_gz:
            self.head = os.pread(self.file.fileno(), _HEAD, 0)
        return self.head

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def open_log(path: Path) -> OpenLog:
    """Open one file for reading from its beginning. Raises OSError."""
    raw = path.open("rb")
    try:
        stat = os.fstat(raw.fileno())
        is_gz = path.suffix == GZ
        head = _head(path) if is_gz else os.pread(raw.fileno(), _HEAD, 0)
    except BaseException:
        raw.close()
        raise
    return OpenLog(raw, is_gz, stat.st_mtime, stat.st_ino, head)


def blocks(log: OpenLog, size: int) -> Iterator[bytes]:
    """What is left to read, in blocks; a compressed file that is cut off ends where it is cut."""
    if not log.is_gz:
        while block := log.file.read(size):
            yield block
        return
    with gzip.GzipFile(fileobj=log.file) as unpacked:
        try:
            while block := unpacked.read(size):
                yield block
        except (EOFError, OSError, ValueError):
            return


def open_series(log: Path) -> list[OpenLog]:
    """All files of the log, oldest first, the one that is written last.

    Files may be rotated, compressed and removed at the same time; none is there twice, and none that stays is missed.
    """
    opened: list[OpenLog] = []
    try:
        if log.exists():
            opened.append(open_log(log))
    except FileNotFoundError:
        pass
    for file in reversed(rotated(log)):
        found = _open_either(file)
        if found is None:
            continue
        if opened and found.is_same(opened[0]):
            # It was rotated after it was opened; what lies between came later still.
            close_all(opened[1:])
            del opened[1:]
        if any(found.is_same(other) for other in opened):
            found.close()
        else:
            opened.append(found)
    return opened[::-1]


def close_all(logs: list[OpenLog]) -> None:
    """Let go of all of them."""
    for log in logs:
        log.close()


def _open_either(file: RotatedFile) -> OpenLog | None:
    """A file that is compressed just now has the other name a moment later; one that is gone was the oldest."""
    for path in (file.path, file.path.with_name(file.path.name + GZ)):
        try:
            return open_log(path)
        except FileNotFoundError:
            continue
    return None


def _head(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as unpacked:
            return unpacked.read(_HEAD)
    except (EOFError, OSError):
        return b""
