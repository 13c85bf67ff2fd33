# SPDX-License-Identifier: Apache-2.0
"""An image as values: what goes into it, and what came out of building it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine; mode None is 0755 if its owner may execute it, else 0644."""

    path: Path
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Inline:
    """A file whose content stands in the description."""

    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link; the target is resolved inside the container."""

    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A folder. Folders above an entry come by themselves, with mode 0755."""

    mode: int = 0o755


Entry = LocalFile | Inline | Symlink | Directory


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Everything that decides an image's bytes. `files` maps absolute container paths to what is there.

    `reference` is a full name with a tag, "docker.io/local/web:1". `user` is "name", "uid" or "uid:gid".
    `architecture` is Go's name, "amd64". All files belong to root.
    """

    reference: str
    files: Mapping[str, Entry]
    architecture: str
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its address: a media type, "sha256:<hex>" and a length in bytes."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in an archive.

    `digest` is that of its manifest, which registries and repoDigests use; `id` that of its configuration, which
    is CRI's image id. Both are "sha256:<hex>".
    """

    reference: str
    digest: str
    id: str
    path: Path
