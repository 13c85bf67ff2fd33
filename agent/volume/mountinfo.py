# SPDX-License-Identifier: Apache-2.0
"""What is mounted where (/proc/PID/mountinfo, proc(5)), and unmounting everything at and below a folder."""

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.volume import syscalls
from agent.volume.errors import VolumeError
from agent.volume.syscalls import Resolve

MOUNTINFO = Path("/proc/self/mountinfo")
# Mounts of one folder may be stacked, or show up at several places: look again until nothing changes.
_ROUNDS = 10
_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where a file system of this kind ("tmpfs", "nfs4") is mounted."""

    path: Path
    kind: str


def below(folder: Path, mountinfo: bytes | None = None) -> tuple[MountPoint, ...]:
    """The mounts at and below folder (a path without links), those to unmount first in front."""
    content = MOUNTINFO.read_bytes() if mountinfo is None else mountinfo
    top = os.fsencode(folder)
    found = ((_point(line), line) for line in content.splitlines())
    inside = [(point, line) for point, line in found if point == top or point.startswith(top + b"/")]
    # A later mount covers an earlier one, at any depth, so the reverse of the order of mounting is right.
    return tuple(MountPoint(Path(os.fsdecode(point)), _kind(line)) for point, line in reversed(inside))


def _point(line: bytes) -> bytes:
    """The fifth word, in which spaces, tabs, newlines and backslashes are written as octal numbers."""
    return _OCTAL.sub(lambda found: bytes((int(found[1], 8),)), line.split(b" ", 5)[4])


def _kind(line: bytes) -> str:
    return line.partition(b" - ")[2].split(b" ", 1)[0].decode()


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted at path, which exists; a bind mount within one file system counts."""
    parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(syscalls.openat2(parent, path.name, os.O_PATH | os.O_NOFOLLOW, Resolve.NO_XDEV))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return True
    finally:
        os.close(parent)
    return False


def umount_below(folder: Path) -> None:
    """Unmount everything at and below folder. Raises VolumeError with the kernel's answer for what stays."""
    problems: tuple[str, ...] = ()
    for _ in range(_ROUNDS):
        mounts = below(folder)
        if not mounts:
            return
        problems = tuple(problem for mount in mounts if (problem := umount(mount)))
    raise VolumeError(
        "; ".join(problems) or f"cannot unmount {folder}: something is mounted there again and again"
    )


def umount(mount: MountPoint) -> str:
    """Unmount, if need be lazily; "" or why it stays mounted. What is not mounted is fine.

    NFS goes lazily at once: a server that is away would hold the caller up.
    """
    problem = "busy" if mount.kind.startswith("nfs") else _try(mount.path, detach=False)
    return _try(mount.path, detach=True) if problem else ""


def _try(path: Path, *, detach: bool) -> str:
    try:
        syscalls.umount(path, detach=detach)
    except OSError as error:
        # EINVAL and ENOENT: not mounted any more, which is what was asked for.
        if error.errno not in {errno.EINVAL, errno.ENOENT}:
            return f"cannot unmount {path}: {error.strerror}"
    return ""
