# SPDX-License-Identifier: Apache-2.0
"""What has to be done for a volume, as values: planned without touching anything, applied as often as one likes."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agent.volume.atomic_writer import FolderMode, Payload


class HostPathType(StrEnum):
    """What hostPath.type asks to be at the path; the values are the API's."""

    ANY = ""
    DIRECTORY_OR_CREATE = "DirectoryOrCreate"
    DIRECTORY = "Directory"
    FILE_OR_CREATE = "FileOrCreate"
    FILE = "File"
    SOCKET = "Socket"
    CHAR_DEVICE = "CharDevice"
    BLOCK_DEVICE = "BlockDevice"


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Have a folder with these permission bits and this group; one that is there is left as it is."""

    path: Path
    mode: int
    gid: int | None = None

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"make folder {self.path} with mode {self.mode:04o}{_group(self.gid)}"


@dataclass(frozen=True, slots=True)
class MountMemory:
    """Have memory (tmpfs) mounted at path; size is bytes, None leaves the kernel's half of all memory."""

    path: Path
    mode: int
    gid: int | None = None
    size: int | None = None

    def describe(self) -> str:
        """One line for dry runs and logs."""
        size = "" if self.size is None else f" of at most {self.size} bytes"
        return f"mount memory{size} at {self.path} with mode {self.mode:04o}{_group(self.gid)}"


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Have exactly these files in a volume, replaced all at once."""

    path: Path
    files: Payload = field(repr=False)
    folders: FolderMode

    def describe(self) -> str:
        """One line for dry runs and logs: names, never content."""
        names = ", ".join(sorted(self.files)) or "nothing"
        return f"write into {self.path}: {names}"


@dataclass(frozen=True, slots=True)
class CheckHostPath:
    """Have the right sort of thing at a path of the node, and create it where the type says so."""

    path: Path
    type: HostPathType

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"check that {self.path} is a {self.type or 'path'} of the node"


@dataclass(frozen=True, slots=True)
class LinkFolder:
    """Have a link at path to a folder of the node, which is the volume."""

    path: Path
    target: Path

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"use {self.target} as {self.path}"


@dataclass(frozen=True, slots=True)
class MountNfs:
    """Have an NFS export mounted at path."""

    path: Path
    server: str
    export: str
    options: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """As mount(8) takes it; an IPv6 address in brackets."""
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"{host}:{self.export}"

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"mount {self.source} at {self.path} with {','.join(self.options) or 'no options'}"


@dataclass(frozen=True, slots=True)
class OwnTree:
    """Give everything below path to a group that may read and write it (fsGroup).

    With if_root_differs nothing is done when path itself is as it should be (fsGroupChangePolicy OnRootMismatch).
    """

    path: Path
    gid: int
    if_root_differs: bool = False

    def describe(self) -> str:
        """One line for dry runs and logs."""
        when = " unless the folder itself is right" if self.if_root_differs else ""
        return f"give everything below {self.path} to group {self.gid}{when}"


@dataclass(frozen=True, slots=True)
class ShareMounts:
    """Have path be a mount point that passes mounts on to containers and takes theirs (mountPropagation)."""

    path: Path

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"share mounts below {self.path}"


Operation = (
    MakeFolder | MountMemory | WriteFiles | CheckHostPath | LinkFolder | MountNfs | OwnTree | ShareMounts
)


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """The operations of one volume of a pod, in order."""

    volume: str
    operations: tuple[Operation, ...] = ()

    def describe(self) -> tuple[str, ...]:
        """One line an operation."""
        return tuple(f"volume {self.volume}: {operation.describe()}" for operation in self.operations)


def _group(gid: int | None) -> str:
    return "" if gid is None else f" for group {gid}"
