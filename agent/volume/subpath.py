# SPDX-License-Identifier: Apache-2.0
"""Mounting a part of a volume, while a container may be exchanging the volume's folders for links.

The part is opened by openat2 (RESOLVE_BENEATH), which the kernel never lets out of the volume, and what is mounted is
what was opened: names do not matter any more after that.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.volume import syscalls
from agent.volume.errors import VolumeError
from agent.volume.mountinfo import is_mount_point
from agent.volume.syscalls import MountFlag, Resolve
from agent.volume.walk import opened

_INSIDE: Final = Resolve.BENEATH | Resolve.NO_MAGICLINKS
_NO_LINK: Final = _INSIDE | Resolve.NO_SYMLINKS
# The kernel gives up with EAGAIN when somebody renames folders on the way.
_TRIES: Final = 32
_ANYBODY: Final = 0o777


def mount_sub_path(volume: Path, sub_path: str, target: Path) -> None:
    """Bind-mount the file or folder sub_path of a volume at target; folders that are missing are made.

    What is mounted already stays when it is the same file or folder, and is replaced when it is not. Raises VolumeError
    when the path leads out of the volume, and OSError.
    """
    with opened(volume, os.O_PATH | os.O_DIRECTORY) as base, _opened_inside(base, sub_path) as found:
        status = os.fstat(found)
        if _shows(target, status):
            return
        _make_target(target, is_folder=stat.S_ISDIR(status.st_mode))
        syscalls.mount(f"/proc/self/fd/{found}", target, flags=MountFlag.BIND | MountFlag.RECURSIVE)


@contextmanager
def _opened_inside(base: int, sub_path: str) -> Iterator[int]:
    parts = [part for part in sub_path.split("/") if part not in ("", ".")]
    if sub_path.startswith("/") or ".." in parts or "\0" in sub_path:
        raise VolumeError(f'subPath {sub_path[:80]!r} must be a relative path without ".."')
    try:
        found = _find_or_make(base, parts)
    except OSError as error:
        if error.errno in {errno.EXDEV, errno.ELOOP}:
            raise VolumeError(f"subPath {sub_path!r} leads out of the volume") from error
        raise
    try:
        yield found
    finally:
        os.close(found)


def _find_or_make(base: int, parts: list[str]) -> int:
    mode = stat.S_IMODE(os.fstat(base).st_mode)
    try:
        found = _open(base, "/".join(parts) or ".", os.O_PATH, _INSIDE)
    except FileNotFoundError:
        return _make(base, parts, mode)
    _finish(found, mode)
    return found


def _make(base: int, parts: list[str], mode: int) -> int:
    """Make the folders that are missing, with the volume's own mode, so that whoever may write there may here."""
    at = os.dup(base)
    for index in range(len(parts)):
        before = at
        try:
            at = _step(base, before, parts[: index + 1], mode)
        finally:
            os.close(before)
    return at


def _step(base: int, above: int, parts: list[str], mode: int) -> int:
    try:
        at = _open(base, "/".join(parts), os.O_PATH, _INSIDE)
    except FileNotFoundError:
        # The umask is the whole process's, so mkdir cannot give the mode; a folder for nobody says: not finished.
        os.mkdir(parts[-1], 0, dir_fd=above)
        at = _open(above, parts[-1], os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, _NO_LINK)
    _finish(at, mode)
    return at


def _finish(descriptor: int, mode: int) -> None:
    """Give a folder its mode if whoever made it was killed before he could."""
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode) and not status.st_mode & _ANYBODY:
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)


def _open(folder: int, path: str, flags: int, resolve: Resolve) -> int:
    for _ in range(_TRIES - 1):
        try:
            return syscalls.openat2(folder, path, flags, resolve)
        except BlockingIOError:
            continue
    return syscalls.openat2(folder, path, flags, resolve)


def _shows(target: Path, wanted: os.stat_result) -> bool:
    """Whether target is a mount of this very file or folder; another mount there is taken away."""
    try:
        if not is_mount_point(target):
            return False
    except FileNotFoundError:
        return False
    there = target.stat()
    # Without a link the file was removed: the container that used it is gone, the next one gets what is there now.
    if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino) and there.st_nlink:
        return True
    syscalls.umount(target, detach=True)
    return _shows(target, wanted)


def _make_target(target: Path, *, is_folder: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not is_folder:
        target.rmdir()
    elif target.exists() and is_folder and not target.is_dir():
        target.unlink()
    if is_folder:
        target.mkdir(exist_ok=True)
    else:
        target.touch()
