# SPDX-License-Identifier: Apache-2.0
"""Looking at a folder of manifests: which files are there, and the bytes of those that changed."""

import os
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from agent.sources.reading import MAX_BYTES

SUFFIXES: Final = (".yaml", ".yml", ".json")
# Kernels stamp files by a clock that ticks every few milliseconds. A file that changed this shortly (nanoseconds)
# before it was read may change again without a new stamp, so it is read once more the next time.
STAMP_GRAIN: Final = 100_000_000

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeenFile:
    """The state of a file when it was last read; `stamp` is empty when it is not to be relied on."""

    stamp: Stamp
    digest: bytes


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is new or has changed: its bytes, or why they cannot be had."""

    name: str
    seen: SeenFile
    content: bytes
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What is in the folder: all names, and what changed since. With `trouble` nothing is known of the rest."""

    names: frozenset[str] = frozenset()
    changed: tuple[ChangedFile, ...] = ()
    trouble: str = ""


def look_at(folder: Path, seen: Mapping[str, SeenFile], busy: Collection[str] = ()) -> Look:
    """Look at a folder; `seen` is what earlier looks gave, `busy` names files that are being written and left alone.

    Names are such as can be printed and logged; see printable_name.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in entries if is_manifest_name(entry.name))
    except OSError as error:
        return Look(trouble=_folder_trouble(error))
    names: set[str] = set()
    changed: list[ChangedFile] = []
    for raw in found:
        name = printable_name(raw)
        if raw in busy:
            names |= {name} & seen.keys()
            continue
        state = _look_at_file(folder / raw, name, seen.get(name))
        if state is not None:
            names.add(name)
            changed += [state] if isinstance(state, ChangedFile) else []
    return Look(frozenset(names), tuple(changed))


def is_manifest_name(name: str) -> bool:
    """Whether a file of this name is read: by its ending, and not hidden or an editor's temporary."""
    return name.lower().endswith(SUFFIXES) and name[0] not in ".#~"


def printable_name(name: str) -> str:
    """A file's name as text that any log takes: what is no printable character is written as an escape."""
    return "".join(_escapes(name)) if not name.isprintable() else name


def _escapes(name: str) -> Iterator[str]:
    for character in name:
        yield character if character.isprintable() else ascii(character)[1:-1]


def _look_at_file(path: Path, name: str, before: SeenFile | None) -> ChangedFile | SeenFile | None:
    """The changed file; what was seen before when nothing changed; None when it has just gone."""
    try:
        state = path.stat()
        if before and before.stamp and _stamp(state) == before.stamp:
            return before
        changed = _read(path, name, state)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return None
        changed = _unreadable(name, _file_trouble(path, error))
    return before if before == changed.seen else changed


def _read(path: Path, name: str, state: os.stat_result) -> ChangedFile:
    if not stat.S_ISREG(state.st_mode):
        return _unreadable(name, f"cannot read it: it is {_kind(state.st_mode)}; accepted: a regular file")
    # A pipe that has taken the file's place would make an ordinary open wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        now = time.time_ns()
        state = os.fstat(descriptor)
        content = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    is_settled = now - state.st_mtime_ns > STAMP_GRAIN and now - state.st_ctime_ns > STAMP_GRAIN
    seen = SeenFile(_stamp(state) if is_settled else (), blake2b(content, digest_size=16).digest())
    return ChangedFile(name, seen, content)


def _unreadable(name: str, trouble: str) -> ChangedFile:
    return ChangedFile(name, SeenFile((), trouble.encode(errors="replace")), b"", trouble)


def _stamp(state: os.stat_result) -> Stamp:
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_mode)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _file_trouble(path: Path, error: OSError) -> str:
    if path.is_symlink() and isinstance(error, FileNotFoundError):
        target = printable_name(str(path.readlink()))
        return f"cannot read it: it is a link to {target}, which does not exist; accepted: a link to a file"
    return (
        f"cannot read it: {(error.strerror or str(error)).lower()}; accepted: a file that the node may read"
    )


def _folder_trouble(error: OSError) -> str:
    accepted = "accepted: a folder, which may be empty"
    if isinstance(error, FileNotFoundError):
        return f"cannot read the manifests: the folder does not exist; {accepted}"
    if isinstance(error, NotADirectoryError):
        return f"cannot read the manifests: this is not a folder; {accepted}"
    return f"cannot read the manifests: {(error.strerror or str(error)).lower()}; {accepted}"
