# SPDX-License-Identifier: Apache-2.0
"""Replaces all files of a folder at once, so that no reader and no crash ever sees a mixture.

The shape is the kubelet's, which programs rely on (they watch `..data`):

    ..2026_01_31_12_00_00.5f3a/app/settings    the files, as regular files
    ..data -> ..2026_01_31_12_00_00.5f3a       swapped by rename(2)
    app -> ..data/app                          one link for each first part of a path
"""

import os
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from agent.volume.errors import VolumeError
from agent.volume.remove import remove_tree

DATA: Final = "..data"
_NEW_DATA: Final = "..data_tmp"
_LONGEST_PATH: Final = 4095
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class File:
    """One file: content, permission bits, and owner (None leaves root). Its repr does not show the content."""

    data: bytes
    mode: int
    uid: int | None = None
    gid: int | None = None

    def __repr__(self) -> str:
        return f"File({len(self.data)} bytes, mode={self.mode:04o}, uid={self.uid}, gid={self.gid})"


@dataclass(frozen=True, slots=True)
class FolderMode:
    """Permission bits and group of the folders that are made for files."""

    mode: int = 0o755
    gid: int | None = None


Payload = Mapping[str, File]
"""Files by path relative to the volume, such as "app/settings"."""


def check_path(path: str) -> str:
    """Why a path cannot be a file of a volume, or ""; the rules are the API's for items[].path."""
    parts = path.split("/")
    if not path:
        return "it is empty"
    if path.startswith("/"):
        return "it is absolute"
    if ".." in parts:
        return 'it has a part ".."'
    if parts[0].startswith(".."):
        return 'it begins with ".."'
    if "\0" in path or len(os.fsencode(path)) > _LONGEST_PATH:
        return f"it is longer than {_LONGEST_PATH} bytes or has a NUL"
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        return f"a part is longer than {_LONGEST_NAME} bytes"
    return ""


def write(folder: Path, payload: Payload, inner: FolderMode = FolderMode()) -> bool:
    """Make the volume's content exactly this, and say whether anything had to change.

    folder exists, and nobody else writes to it. Raises VolumeError for a path that leads out or contradicts another,
    and OSError from the file system; then everything is as it was, or as it should be.
    """
    files = _clean(payload)
    current = _current(folder)
    changed = current is None or _read(folder / current) != _described(files, inner)
    if changed:
        made = _make_version(folder, files, inner)
        _link_names(folder, files)
        _swap(folder, made)
        current = made
    else:
        _link_names(folder, files)
    _tidy(folder, files, keep=current)
    return changed


def read_file(folder: Path, path: str) -> bytes | None:
    """What a file of the current content holds, None when there is none."""
    try:
        return (folder / DATA / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _clean(payload: Payload) -> dict[str, File]:
    """The files with paths in their shortest form: "a//./b" is "a/b"."""
    files: dict[str, File] = {}
    for path, file in payload.items():
        if why := check_path(path):
            raise VolumeError(f"cannot write file {path[:80]!r}: {why}")
        files[str(PurePosixPath(path))] = file
    for path in files:
        for above in PurePosixPath(path).parents:
            if str(above) in files:
                raise VolumeError(f"cannot write file {path!r}: {str(above)!r} is a file, not a folder")
    return files


def _current(folder: Path) -> str | None:
    """The name of the folder that is current; None when there is none, or when the link is not ours."""
    try:
        name = str((folder / DATA).readlink())
    except OSError:
        return None
    return name if name.startswith("..") and "/" not in name and (folder / name).is_dir() else None


_Described = dict[str, tuple[bytes, int, int, int]]


def _described(files: Mapping[str, File], inner: FolderMode) -> _Described:
    """Content, mode, uid and gid of every file and folder, as they will be on disk; folders end in a slash."""
    uid, gid = os.geteuid(), os.getegid()
    found: _Described = {"./": (b"", inner.mode, uid, gid if inner.gid is None else inner.gid)}
    for path, file in files.items():
        owner = uid if file.uid is None else file.uid
        found[path] = (file.data, file.mode, owner, gid if file.gid is None else file.gid)
        found |= {f"{above}/": found["./"] for above in PurePosixPath(path).parents}
    return found


def _read(version: Path) -> _Described:
    found: _Described = {}
    for name, folders, names in os.walk(version):
        here = PurePosixPath(os.path.relpath(name, version))
        found[f"{here}/"] = (b"", *_owner(Path(name)))
        for each in (*names, *(f for f in folders if (Path(name) / f).is_symlink())):
            path = Path(name) / each
            found[str(here / each)] = (b"" if path.is_symlink() else path.read_bytes(), *_owner(path))
    return found


def _owner(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def _make_version(folder: Path, files: Mapping[str, File], inner: FolderMode) -> str:
    name = f"..{time.strftime('%Y_%m_%d_%H_%M_%S', time.gmtime())}.{secrets.token_hex(5)}"
    _make_folder(folder / name, inner)
    for path, file in files.items():
        for above in reversed(PurePosixPath(path).parents[:-1]):
            if not (folder / name / above).is_dir():
                _make_folder(folder / name / above, inner)
        _make_file(folder / name / path, file)
    return name


def _make_folder(path: Path, inner: FolderMode) -> None:
    path.mkdir(0o700)
    if inner.gid is not None:
        os.chown(path, -1, inner.gid)
    path.chmod(inner.mode)


def _make_file(path: Path, file: File) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(file.data)
    # chown takes setuid bits away, so the mode comes last.
    if file.uid is not None or file.gid is not None:
        os.chown(path, -1 if file.uid is None else file.uid, -1 if file.gid is None else file.gid)
    path.chmod(file.mode)


def _names(files: Mapping[str, File]) -> set[str]:
    """The names that a container sees: the first part of each path."""
    return {PurePosixPath(path).parts[0] for path in files}


def _link_names(folder: Path, files: Mapping[str, File]) -> None:
    """A link for each name; until the swap those that are new lead nowhere, so the old content is still whole."""
    for name in sorted(_names(files)):
        link, target = folder / name, f"{DATA}/{name}"
        if link.is_symlink():
            if str(link.readlink()) == target:
                continue
            link.unlink()
        link.symlink_to(target)


def _swap(folder: Path, version: str) -> None:
    (folder / _NEW_DATA).unlink(missing_ok=True)
    (folder / _NEW_DATA).symlink_to(version)
    (folder / _NEW_DATA).replace(folder / DATA)


def _tidy(folder: Path, files: Mapping[str, File], keep: str | None) -> None:
    """Links to names that are no more, older versions, and what a killed writer left.

    Anything else stays: the runtime makes folders in here to mount other volumes on.
    """
    wanted = {*_names(files), DATA, keep}
    for path in list(folder.iterdir()):
        if path.name in wanted:
            continue
        if path.is_symlink():
            if path.name == _NEW_DATA or path.readlink().is_relative_to(DATA):
                path.unlink()
        elif path.name.startswith("..") and path.is_dir():
            remove_tree(path)
