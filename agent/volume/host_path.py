# SPDX-License-Identifier: Apache-2.0
"""Paths of the node: what hostPath.type asks for, checked and created as the kubelet does."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.volume.errors import VolumeError
from agent.volume.model import HostPathType

_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644

_CHECKS: Final[dict[HostPathType, tuple[Callable[[int], bool], str]]] = {
    HostPathType.DIRECTORY: (stat.S_ISDIR, "a directory"),
    HostPathType.DIRECTORY_OR_CREATE: (stat.S_ISDIR, "a directory"),
    HostPathType.FILE: (stat.S_ISREG, "a file"),
    HostPathType.FILE_OR_CREATE: (stat.S_ISREG, "a file"),
    HostPathType.SOCKET: (stat.S_ISSOCK, "a socket file"),
    HostPathType.CHAR_DEVICE: (stat.S_ISCHR, "a character device"),
    HostPathType.BLOCK_DEVICE: (stat.S_ISBLK, "a block device"),
}


def host_path_type(text: str | None) -> HostPathType:
    """From the API's text. Raises VolumeError naming what is accepted."""
    try:
        return HostPathType(text or "")
    except ValueError:
        accepted = ", ".join(each.value for each in HostPathType if each)
        raise VolumeError(f"hostPath type {text} is none of {accepted}") from None


def check_host_path(path: Path, kind: HostPathType) -> None:
    """Have the right sort of thing at path. Raises VolumeError in the kubelet's words, and OSError."""
    if kind is HostPathType.ANY:
        return
    if kind is HostPathType.DIRECTORY_OR_CREATE and not path.exists():
        path.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        path.chmod(_FOLDER_MODE)
    if kind is HostPathType.FILE_OR_CREATE and not path.exists():
        # Without the folders above: the kubelet makes none either.
        path.touch(_FILE_MODE)
        path.chmod(_FILE_MODE)
    fits, words = _CHECKS[kind]
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    if not fits(mode):
        raise VolumeError(f"hostPath type check failed: {path} is not {words}")
