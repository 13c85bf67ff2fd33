# SPDX-License-Identifier: Apache-2.0
"""Folders outside a lab's root that labs make and remove: each carries a mark that says so.

containerd, its shims and libcni use some folders of the host that no option moves. A lab makes those that are
missing, marks them with an extended attribute, and removes marked ones that are empty: what was there before
stays, and the last lab to go takes the folders with it. While a lab needs such a folder it keeps something of its own
inside, so that it is not empty. trusted.* attributes work on ext4, tmpfs and cgroupfs
for root; where they do not, folders stay unmarked and are left alone.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MARK = "trusted.orlop"
MADE = "made"
UNFINISHED = 0o1700
"""The mode of a folder between mkdir, which can give it no mark, and the mark: killed in there, it is still known."""
RETRIES = 100
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}


def read(folder: Path) -> str | None:
    """The mark of a folder: "" without one, None where marks are not supported or the folder is gone."""
    try:
        return os.getxattr(folder, MARK, follow_symlinks=False).decode(errors="replace")
    except OSError as error:
        if error.errno == errno.ENODATA:
            return MADE if _is_unfinished(folder) else ""
        if error.errno in {*_UNSUPPORTED, errno.ENOENT, errno.ENOTDIR}:
            return None
        raise


def write(folder: Path, text: str) -> None:
    """Mark a folder where that is supported."""
    try:
        os.setxattr(folder, MARK, text.encode(), follow_symlinks=False)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def make_inside(folder: Path, action: Callable[[], None], mode: int = 0o755) -> None:
    """Make `folder` and its missing parents, each marked, and call `action`, which makes something inside.

    Another lab's `down` may take the folder away in between: then both are done again.
    """
    for _ in range(RETRIES):
        try:
            _make_folders(folder, mode)
            action()
        except FileNotFoundError:
            continue
        return
    raise FileNotFoundError(errno.ENOENT, "removed again and again", str(folder))


def _make_folders(folder: Path, mode: int) -> None:
    if folder.is_dir() and not _is_unfinished(folder):
        return
    _make_folders(folder.parent, 0o755)
    with suppress(FileExistsError):
        folder.mkdir(mode=UNFINISHED)
    if _is_unfinished(folder):
        write(folder, MADE)
        folder.chmod(mode)


def _is_unfinished(folder: Path) -> bool:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return False
    return stat.S_IMODE(found.st_mode) == UNFINISHED and found.st_uid == os.geteuid()


def remove_folders(folder: Path) -> None:
    """Remove `folder` and its parents for as long as they are empty and marked (made by a lab)."""
    while read(folder):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
