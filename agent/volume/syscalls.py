# SPDX-License-Identifier: Apache-2.0
"""System calls that the standard library of Python 3.11 lacks, as plain functions that raise OSError."""

import ctypes
import os
from enum import IntFlag
from pathlib import Path
from typing import Final

_OPENAT2: Final = 437
"""The same number on every architecture (linux/unistd.h)."""
_UMOUNT_NOFOLLOW: Final = 8
_MNT_DETACH: Final = 2


class MountFlag(IntFlag):
    """sys/mount.h"""

    NONE = 0
    READ_ONLY = 1
    NO_SUID = 2
    NO_DEV = 4
    NO_EXEC = 8
    REMOUNT = 32
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18
    SHARED = 1 << 20


class Resolve(IntFlag):
    """linux/openat2.h: which ways a path may not take."""

    NO_XDEV = 0x01
    NO_MAGICLINKS = 0x02
    NO_SYMLINKS = 0x04
    BENEATH = 0x08


class _How(ctypes.Structure):
    """struct open_how of openat2(2)"""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


def mount(
    source: str, target: Path, kind: str = "", flags: MountFlag = MountFlag.NONE, data: str = ""
) -> None:
    """mount(2). An empty kind or data is passed as NULL."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind) if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(data) if data else None,
    )
    _check(result, target)


def umount(target: Path, *, detach: bool = False) -> None:
    """umount2(2); a link at target is not followed. With detach it goes away now and is let go with its last user."""
    _check(_libc.umount2(os.fsencode(target), _UMOUNT_NOFOLLOW | (_MNT_DETACH if detach else 0)), target)


def openat2(folder: int, path: str, flags: int, resolve: Resolve) -> int:
    """openat2(2): a descriptor of path, looked up from the open folder; closed on exec."""
    how = _How(flags | os.O_CLOEXEC, 0, resolve)
    result = _libc.syscall(_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    _check(result, path)
    return int(result)


def _check(result: int, about: Path | str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(about))
