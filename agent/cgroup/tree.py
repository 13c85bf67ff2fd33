# SPDX-License-Identifier: Apache-2.0
"""Folders of cgroups: making, walking and removing them in one hierarchy."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.cgroup.errors import CgroupBusyError, CgroupError

# The kernel lets go of a process some milliseconds after it has ended, and says "busy" until then.
_LET_GO_SECONDS: Final = 0.5
_LOOK_AGAIN_SECONDS: Final = 0.01


def inside(hierarchy: Path, path: str) -> Path:
    """The folder of a clean cgroup path in one hierarchy."""
    return hierarchy / path.lstrip("/")


def make(folder: Path) -> bool:
    """Make one cgroup whose parent exists; whether it was not there before."""
    try:
        folder.mkdir(mode=0o755)
    except FileExistsError:
        return False
    except OSError as error:
        raise CgroupError(f"cannot create cgroup {folder}: {error.strerror}") from error
    return True


def bottom_up(folder: Path) -> Iterator[Path]:
    """Every cgroup below `folder` and itself last; nothing where it is gone."""
    below = children(folder)
    for child in below or ():
        yield from bottom_up(child)
    if below is not None:
        yield folder


def children(folder: Path) -> list[Path] | None:
    """The cgroups directly below `folder`, sorted; None where it is gone."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CgroupError(f"cannot list the cgroups in {folder}: {error.strerror}") from error


def processes(folder: Path) -> tuple[int, ...]:
    """The pids in this cgroup itself, as this process sees them; none where it is gone."""
    try:
        return tuple(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENODEV}:
            return ()
        raise CgroupError(f"cannot read cgroup.procs of {folder}: {error.strerror}") from error


def remove(folder: Path) -> None:
    """Remove a cgroup and all below it; what is gone is fine.

    Raises CgroupBusyError when processes sit in it; whatever lies beside them is removed all the same.
    """
    deadline = time.monotonic() + _LET_GO_SECONDS
    while busy := [cgroup for cgroup in bottom_up(folder) if not _remove_one(cgroup)]:
        pids = tuple(pid for cgroup in busy for pid in processes(cgroup))
        if pids:
            raise CgroupBusyError(f"cannot remove cgroup {folder}: processes {_list(pids)} sit in it", pids)
        if time.monotonic() > deadline:
            raise CgroupBusyError(
                f"cannot remove cgroup {folder}: the kernel says that {busy[0]} is busy", ()
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _remove_one(folder: Path) -> bool:
    """Whether the folder is gone now; False when it is busy."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        # ENOTEMPTY comes from file systems that are no cgroups, ENOENT and EBUSY from those that are.
        if error.errno == errno.EBUSY:
            return False
        raise CgroupError(f"cannot remove cgroup {folder}: {error.strerror}") from error
    return True


def _list(pids: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, pids[:10]))
    return f"{shown} and {len(pids) - 10} more" if len(pids) > 10 else shown
