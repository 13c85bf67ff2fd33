# SPDX-License-Identifier: Apache-2.0
"""Performs the operations of a volume. Each is idempotent: it may have been done before, in part or in whole."""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from agent.volume import syscalls
from agent.volume.atomic_writer import write
from agent.volume.errors import VolumeError
from agent.volume.host_path import check_host_path
from agent.volume.model import (
    CheckHostPath,
    LinkFolder,
    MakeFolder,
    MountMemory,
    MountNfs,
    Operation,
    OwnTree,
    ShareMounts,
    WriteFiles,
)
from agent.volume.mountinfo import is_mount_point
from agent.volume.nfs import mount_nfs
from agent.volume.ownership import own_tree
from agent.volume.syscalls import MountFlag


def apply_blocking(operations: Iterable[Operation]) -> None:
    """Perform the operations in order, but for mounts of NFS, which wait for a process. Raises VolumeError, OSError."""
    for operation in operations:
        if not isinstance(operation, MountNfs):
            _ACTIONS[type(operation)](operation)


async def apply_nfs(operations: Iterable[Operation], helper: Path) -> None:
    """Perform the mounts of NFS, after the rest. Raises VolumeError or AgentError."""
    for operation in operations:
        if isinstance(operation, MountNfs) and not is_mount_point(operation.path):
            await mount_nfs(helper, operation)


def _make_folder(operation: MakeFolder) -> None:
    """Made aside and renamed, so that a folder that is there has its mode and group."""
    if operation.path.is_dir():
        return
    operation.path.parent.mkdir(parents=True, exist_ok=True)
    new = operation.path.with_name(f".{secrets.token_hex(8)}")
    new.mkdir(0o700)
    if operation.gid is not None:
        os.chown(new, -1, operation.gid)
    new.chmod(operation.mode)
    new.rename(operation.path)


def _mount_memory(operation: MountMemory) -> None:
    operation.path.mkdir(parents=True, exist_ok=True)
    if is_mount_point(operation.path):
        return
    options = [f"mode={operation.mode:o}"]
    options += [f"gid={operation.gid}"] if operation.gid is not None else []
    options += [f"size={operation.size}"] if operation.size is not None else []
    try:
        # Secrets do not go to a swap device (tmpfs(5), Linux 6.4).
        _mount_tmpfs(operation.path, [*options, "noswap"])
    except OSError:
        _mount_tmpfs(operation.path, options)


def _mount_tmpfs(path: Path, options: list[str]) -> None:
    syscalls.mount("tmpfs", path, "tmpfs", data=",".join(options))


def _write_files(operation: WriteFiles) -> None:
    write(operation.path, operation.files, operation.folders)


def _check_host_path(operation: CheckHostPath) -> None:
    check_host_path(operation.path, operation.type)


def _link_folder(operation: LinkFolder) -> None:
    path = operation.path
    if path.is_symlink() and path.readlink() == operation.target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        raise VolumeError(f"cannot use {operation.target} as {path}: there is a folder already")
    new = path.with_name(f".{secrets.token_hex(8)}")
    new.symlink_to(operation.target)
    new.replace(path)


def _share_mounts(operation: ShareMounts) -> None:
    if not is_mount_point(operation.path):
        syscalls.mount(str(operation.path), operation.path, flags=MountFlag.BIND)
    syscalls.mount("none", operation.path, flags=MountFlag.SHARED)


_ACTIONS: Final[dict[type[Operation], Callable[[Any], None]]] = {
    MakeFolder: _make_folder,
    MountMemory: _mount_memory,
    WriteFiles: _write_files,
    CheckHostPath: _check_host_path,
    LinkFolder: _link_folder,
    OwnTree: own_tree,
    ShareMounts: _share_mounts,
}
