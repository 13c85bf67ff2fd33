# SPDX-License-Identifier: Apache-2.0
"""Giving a volume to the pod's fsGroup: every file may then be read and written by the group."""

import os
import stat
from pathlib import Path
from typing import Final

from agent.volume import syscalls
from agent.volume.model import OwnTree
from agent.volume.syscalls import Resolve
from agent.volume.walk import Entry, opened, tree

_FILE: Final = 0o660
_FOLDER: Final = 0o2770
_STAY: Final = Resolve.BENEATH | Resolve.NO_SYMLINKS | Resolve.NO_XDEV


def own_tree(own: OwnTree) -> None:
    """Change group and modes of everything below the folder, links themselves included, then of the folder.

    The folder comes last, so that one that is right says that the rest is as well, also after a kill half-way.
    """
    with opened(own.path) as top:
        status = os.fstat(top)
        if own.if_root_differs and _is_right(status, own.gid):
            return
        for entry in tree(top):
            _own_entry(entry, own.gid)
        _own(top, status, own.gid)


def _is_right(status: os.stat_result, gid: int) -> bool:
    return status.st_gid == gid and status.st_mode & _FOLDER == _FOLDER


def _own_entry(entry: Entry, gid: int) -> None:
    try:
        descriptor = syscalls.openat2(entry.folder, entry.name, os.O_PATH | os.O_NOFOLLOW, _STAY)
    except OSError:
        # A mount inside the volume, or gone meanwhile.
        return
    try:
        _own(descriptor, os.fstat(descriptor), gid)
    finally:
        os.close(descriptor)


def _own(descriptor: int, status: os.stat_result, gid: int) -> None:
    # By descriptor, because the name may mean something else by now; fchown refuses descriptors of O_PATH.
    path = f"/proc/self/fd/{descriptor}"
    os.chown(path, -1, gid)
    if not stat.S_ISLNK(status.st_mode):
        # After chown, which takes setuid away.
        bits = _FOLDER if stat.S_ISDIR(status.st_mode) else _FILE
        Path(path).chmod(stat.S_IMODE(status.st_mode) | bits)
