# SPDX-License-Identifier: Apache-2.0
"""From keys to files: items, modes and owners, the same for ConfigMaps and Secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from lightkube.models import core_v1

from agent.volume.atomic_writer import File, FolderMode, Payload, check_path
from agent.volume.errors import VolumeError

T = TypeVar("T")

DEFAULT_MODE: Final = 0o644
# What the kubelet adds for an fsGroup to files and folders that containers only read.
_GROUP_READS: Final = 0o440
_GROUP_ENTERS: Final = 0o110
_SETGID: Final = 0o2000


@dataclass(frozen=True, slots=True)
class Defaults:
    """Permission bits and owner of files whose item names none."""

    mode: int = DEFAULT_MODE
    uid: int | None = None


def defaults(mode: int | None, uid: int | None) -> Defaults:
    """From a volume's defaultMode and defaultUser."""
    return Defaults(DEFAULT_MODE if mode is None else mode, uid)


def project(
    values: Mapping[str, bytes],
    items: Sequence[core_v1.KeyToPath] | None,
    common: Defaults,
    *,
    kind: str,
    optional: bool,
) -> dict[str, File]:
    """Files by path: all keys, or those that items name. kind is "config" or "secret", for the kubelet's text.

    Raises VolumeError when a key is missing that is not optional, or when a path leads out of the volume.
    """
    if not items:
        return {key: File(data, common.mode, common.uid) for key, data in values.items()}
    files = {}
    for item in items:
        if item.key not in values:
            if optional:
                continue
            raise VolumeError(f"references non-existent {kind} key: {item.key}")
        files[checked(item.path)] = File(
            values[item.key], chosen(item.mode, common.mode), chosen(item.user, common.uid)
        )
    return files


def checked(path: str) -> str:
    """The path, when it stays inside the volume. Raises VolumeError."""
    if why := check_path(path):
        raise VolumeError(f"invalid path {path[:80]!r}: {why}")
    return path


def chosen(own: T | None, common: T) -> T:
    """What the item says, else what holds for all."""
    return common if own is None else own


def for_group(files: Payload, gid: int | None) -> dict[str, File]:
    """The files as an fsGroup may read them; None changes nothing."""
    if gid is None:
        return dict(files)
    return {path: replace(file, mode=file.mode | _GROUP_READS, gid=gid) for path, file in files.items()}


def folders_for_group(mode: int, gid: int | None) -> FolderMode:
    """The same for folders."""
    return FolderMode(mode if gid is None else mode | _SETGID | _GROUP_READS | _GROUP_ENTERS, gid)
