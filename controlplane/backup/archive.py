# SPDX-License-Identifier: Apache-2.0
"""The file of a backup: an uncompressed tar whose first member says what the others are.

| member | holds |
|---|---|
| backup.json | Manifest: when, by what, of which revision, and size and SHA-256 of each further member |
| pki/{ca.crt,ca.key,sa.key} | what a control plane cannot make again: its authority, the key of its tokens |
| store.db | the SQLite store at one revision |
"""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

import msgspec

from controlplane.backup.errors import BackupError

MANIFEST: Final = "backup.json"
STORE: Final = "store.db"
KEYS: Final = ("ca.crt", "ca.key", "sa.key")
MEMBERS: Final = (*(f"pki/{name}" for name in KEYS), STORE)

_CHUNK: Final = 1 << 20
# A manifest is under 1 KiB; what claims to be more is none.
_MANIFEST_BYTES: Final = 1 << 16


class Part(msgspec.Struct, frozen=True):
    """One member: its size in bytes, its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. madeAt: RFC 3339, UTC; revision: the store's newest one that is in it."""

    apiVersion: str  # noqa: N815 - the names of the file are the field's usual ones
    kind: str
    madeAt: str  # noqa: N815
    release: str
    revision: int
    members: dict[str, Part]


def describe(made_at: str, release: str, revision: int, files: Mapping[str, Path]) -> Manifest:
    """The manifest of these files (member name to path). Raises OSError."""
    members = {name: _measure(path) for name, path in files.items()}
    return Manifest("orlop.dev/v1alpha1", "ControlPlaneBackup", made_at, release, revision, members)


def write(archive: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write the archive, for its owner's eyes only. Raises OSError."""
    archive.touch(mode=0o600)
    with archive.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        tar.addfile(_header(MANIFEST, len(text)), io.BytesIO(text))
        for name, path in files.items():
            with path.open("rb") as member:
                tar.addfile(_header(name, manifest.members[name].size), member)


def unpack(archive: Path, folder: Path) -> Manifest:
    """Put the members below folder, each checked. Raises BackupError for a file that is no whole backup, OSError."""
    try:
        with tarfile.open(archive, "r:") as tar:
            manifest = _manifest(tar, archive)
            for name in MEMBERS:
                _unpack(tar, archive, name, manifest.members[name], folder / name)
    except (tarfile.TarError, EOFError) as error:
        raise _bad(archive, f"it is no backup, or it is cut off ({error})") from error
    return manifest


def _manifest(tar: tarfile.TarFile, archive: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isfile() or first.size > _MANIFEST_BYTES:
        raise _bad(archive, f"its first member is not {MANIFEST}")
    try:
        manifest = msgspec.json.decode(_member(tar, first).read(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise _bad(archive, f"its {MANIFEST} cannot be read: {error}") from error
    if (manifest.apiVersion, manifest.kind) != ("orlop.dev/v1alpha1", "ControlPlaneBackup"):
        raise _bad(
            archive, f"it is a {manifest.kind} of {manifest.apiVersion}; use the program that wrote it"
        )
    if missing := set(MEMBERS) ^ manifest.members.keys():
        raise _bad(archive, f"its {MANIFEST} disagrees about {', '.join(sorted(missing))}")
    return manifest


def _unpack(tar: tarfile.TarFile, archive: Path, name: str, said: Part, target: Path) -> None:
    entry = tar.next()
    if entry is None or entry.name != name or not entry.isfile():
        raise _bad(archive, f"{name} is missing: the file is cut off")
    target.parent.mkdir(mode=0o700, exist_ok=True)
    target.touch(mode=0o600)
    with target.open("wb") as file:
        found = _copy(_member(tar, entry), file)
    if found != said:
        raise _bad(archive, f"{name} has {found.size} bytes with SHA-256 {found.sha256[:12]}..., not {said.size} "
                            f"bytes with {said.sha256[:12]}...: the file is damaged or cut off")  # fmt: skip


def _copy(source: IO[bytes], target: IO[bytes]) -> Part:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += target.write(chunk)
    return Part(size, digest.hexdigest())


def _measure(path: Path) -> Part:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Part(file.tell(), digest.hexdigest())


def _member(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(entry)
    assert file is not None, "a regular member has content"
    return file


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header


def _bad(archive: Path, why: str) -> BackupError:
    return BackupError(f"cannot restore {archive}: {why}; nothing was changed, use another backup")
