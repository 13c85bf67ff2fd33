# SPDX-License-Identifier: Apache-2.0
"""inotify(7) over libc, as much of it as watching one folder takes; the only file that knows the system calls."""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
# struct inotify_event: wd, mask, cookie, length of the name that follows, padded with zero bytes.
_EVENT: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024


class Mask(IntFlag):
    """The events and options of inotify(7), by the kernel's names without IN_."""

    MODIFY = 0x2
    ATTRIB = 0x4
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    UNMOUNT = 0x2000
    Q_OVERFLOW = 0x4000
    IGNORED = 0x8000
    ONLYDIR = 0x1000000
    ISDIR = 0x40000000


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to `name` in the folder of watch `wd`; name is "" for the folder itself."""

    wd: int
    mask: Mask
    name: str


class Inotify:
    """An inotify instance. Its descriptor becomes readable when events are there; `read` never waits."""

    def __init__(self) -> None:
        """Raises OSError (EMFILE) when the user has too many instances."""
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        """The descriptor, for an event loop."""
        return self._descriptor

    def add(self, path: Path, mask: Mask) -> int:
        """Watch a path; the same inode gives the same number again. Raises OSError as the kernel does."""
        return _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(mask)))

    def remove(self, wd: int) -> None:
        """Stop a watch; one that the kernel has ended already is no error."""
        _libc.inotify_rm_watch(self._descriptor, wd)

    def read(self) -> Iterator[Event]:
        """All events that are waiting."""
        while True:
            try:
                data = os.read(self._descriptor, _BUFFER)
            except BlockingIOError:
                return
            yield from _parse(data)

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)


def _parse(data: bytes) -> Iterator[Event]:
    start = 0
    while start < len(data):
        wd, mask, _, length = _EVENT.unpack_from(data, start)
        start += _EVENT.size
        yield Event(wd, Mask(mask), os.fsdecode(data[start : start + length].rstrip(b"\0")))
        start += length


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
