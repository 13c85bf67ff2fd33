# SPDX-License-Identifier: Apache-2.0
"""Whether a description of an image makes sense, before a byte is written; pure."""

import re
from collections.abc import Iterator
from typing import Final

from lab.image.errors import ImageSpecError
from lab.image.model import Directory, Entry, ImageSpec, Inline, LocalFile, Symlink

_HOST: Final = r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9.-]+(?=:[0-9]))(?::[0-9]+)?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(rf"{_HOST}(?:/{_PART})+:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}")
ARCHITECTURES: Final = ("386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x")
_SIGNAL: Final = re.compile(r"SIG[A-Z0-9+-]+|[1-9][0-9]?")


def check(spec: ImageSpec) -> None:
    """Raise ImageSpecError for the first thing that is wrong with `spec`."""
    if len(spec.reference) > 255 or not _REFERENCE.fullmatch(spec.reference):
        raise refuse("reference", spec.reference, "a full name with a tag, such as docker.io/local/web:1")
    if spec.architecture not in ARCHITECTURES:
        raise refuse("architecture", spec.architecture, f"one of {', '.join(ARCHITECTURES)}")
    if spec.working_dir and not spec.working_dir.startswith("/"):
        raise refuse("workingDir", spec.working_dir, "an absolute path")
    if spec.stop_signal and not _SIGNAL.fullmatch(spec.stop_signal):
        raise refuse("stopSignal", spec.stop_signal, "a signal's name such as SIGTERM, or its number")
    for name in spec.env:
        if not name or "=" in name:
            raise refuse(f"env.{name}", name, "a name that is not empty and has no '='")
    for where, text in _texts(spec):
        if not _is_text(text):
            raise refuse(where, text, "text that UTF-8 can hold, without the character NUL")
    for path, entry in spec.files.items():
        _check_path(path)
        _check_entry(path, entry)
    _check_folders(spec)


def refuse(where: str, what: object, accepted: str) -> ImageSpecError:
    """The error for one field of a description."""
    return ImageSpecError(f"cannot describe image: {where}: {what!r} is refused; accepted is {accepted}")


def _texts(spec: ImageSpec) -> Iterator[tuple[str, str]]:
    """Every text that programs in the container will see, with its field."""
    yield "user", spec.user
    yield "workingDir", spec.working_dir
    for where, words in (("entrypoint", spec.entrypoint), ("cmd", spec.cmd)):
        yield from ((f"{where}[{number}]", word) for number, word in enumerate(words))
    for where, pairs in (("env", spec.env), ("labels", spec.labels)):
        yield from ((f"{where}.{name}", f"{name}={value}") for name, value in pairs.items())
    for path, entry in spec.files.items():
        yield f"files.{path}", path + (entry.target if isinstance(entry, Symlink) else "")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check_path(path: str) -> None:
    parts = path.split("/")
    if not path.startswith("/") or any(part in {"", ".", ".."} for part in parts[1:]):
        raise refuse(f"files.{path}", path, "an absolute path without '.', '..', '//' and a slash at its end")


def _check_entry(path: str, entry: Entry) -> None:
    if isinstance(entry, Symlink):
        if not entry.target:
            raise refuse(f"files.{path}", entry.target, "a target that is not empty")
    elif entry.mode is not None and not 0 <= entry.mode <= 0o7777:
        raise refuse(f"files.{path}", oct(entry.mode), "a mode between 0000 and 7777 (octal)")


def _check_folders(spec: ImageSpec) -> None:
    """Nothing may lie below what is no folder: through a link it would land somewhere else."""
    for path in spec.files:
        parent = path.rpartition("/")[0]
        while parent:
            above = spec.files.get(parent)
            if isinstance(above, (LocalFile, Inline, Symlink)):
                raise refuse(f"files.{path}", path, f"a path whose parent {parent} is a directory")
            parent = parent.rpartition("/")[0]


def folders_above(spec: ImageSpec) -> dict[str, Directory]:
    """Every folder that entries lie in and nobody described."""
    implied: dict[str, Directory] = {}
    for path in spec.files:
        parent = path.rpartition("/")[0]
        while parent:
            if parent not in spec.files:
                implied[parent] = Directory()
            parent = parent.rpartition("/")[0]
    return implied
