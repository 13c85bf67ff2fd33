# SPDX-License-Identifier: Apache-2.0
"""What is mounted where (/proc/PID/mountinfo, proc(5)), and unmounting everything below a folder."""

import errno
import re
from dataclasses import dataclass
from pathlib import Path

from lab import syscalls

MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo; options are the file system's own (for cgroup v1: its controllers)."""

    point: Path
    kind: str
    options: tuple[str, ...]


def parse(text: str) -> tuple[Mount, ...]:
    """The mounts in the kernel's order: a later one covers an earlier one at the same point."""
    return tuple(_parse_line(line) for line in text.splitlines())


def _parse_line(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    kind, _, options = after.split(" ", 2)
    # Spaces, tabs, newlines and backslashes are written as octal numbers.
    point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
    return Mount(Path(point), kind, tuple(options.split(",")))


def read(mountinfo: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """What is mounted in this process's mount namespace."""
    return parse(mountinfo.read_text(errors="surrogateescape"))


def below(folder: Path, mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    """The mounts at and below `folder`, those to unmount first in front."""
    inside = [mount for mount in mounts if mount.point.is_relative_to(folder)]
    # Later mounts may cover earlier ones at any depth, so the reverse of the order of mounting is right.
    return tuple(reversed(inside))


def umount_below(folder: Path, mountinfo: Path = MOUNTINFO) -> tuple[str, ...]:
    """Unmount everything at and below `folder`; a sentence for each mount that is still there."""
    problems: tuple[str, ...] = ()
    # A bind mount of a folder with mounts inside appears several times: look again until nothing changes.
    for _ in range(10):
        mounts = below(folder, read(mountinfo))
        if not mounts:
            return ()
        problems = tuple(problem for mount in mounts if (problem := _umount(mount.point)))
    return problems or tuple(f"{mount.point} is mounted again and again" for mount in mounts)


def _umount(point: Path) -> str:
    try:
        syscalls.umount(point)
    except OSError as error:
        if error.errno != errno.EBUSY:
            return _refusal(point, error)
    else:
        return ""
    try:
        # Somebody has a file open in there: hide it now, the kernel lets go of it with the last file.
        syscalls.umount(point, syscalls.MNT_DETACH)
    except OSError as error:
        return _refusal(point, error)
    return ""


def _refusal(point: Path, error: OSError) -> str:
    # EINVAL and ENOENT: not mounted any more, which is what was asked for.
    if error.errno in {errno.EINVAL, errno.ENOENT}:
        return ""
    return f"{point} stays mounted: {error.strerror}"
