# SPDX-License-Identifier: Apache-2.0
"""Read the description of an image from a YAML or JSON file; README.md shows one."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from lab.image.builtin import host_architecture
from lab.image.check import check, refuse
from lab.image.errors import ImageError, ImageSpecError
from lab.image.model import Directory, Entry, ImageSpec, Inline, LocalFile, Symlink
from lab.image.uniqueyaml import UniqueKeyLoader

_KEYS: Final = (
    "reference", "files", "architecture", "entrypoint", "cmd", "env", "user", "workingDir", "labels", "stopSignal",
)  # fmt: skip
_KINDS: Final = ("file", "text", "base64", "symlink", "directory")
_MODE: Final = re.compile(r"0?[0-7]{3,4}")


def read_spec(path: Path) -> ImageSpec:
    """The image that `path` describes; relative local files are looked up beside it.

    Raises ImageError if the file cannot be read, ImageSpecError, with the field and what is accepted there, if
    it makes no sense. Local files are only looked at, so building may still fail.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"cannot read the image file {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ImageSpecError(f"cannot read the image file {path}: {error}") from error
    try:
        spec = _spec(document, path.parent)
        check(spec)
    except ImageSpecError as error:
        raise ImageSpecError(f"{path}: {error}") from error
    return spec


def _spec(document: object, folder: Path) -> ImageSpec:
    values = _mapping("the document", document)
    _only(values, _KEYS, "")
    return ImageSpec(
        reference=_text("reference", values.get("reference")),
        files={
            path: _entry(f"files.{path}", entry, folder)
            for path, entry in _mapping("files", values.get("files", {})).items()
        },
        architecture=_text("architecture", values.get("architecture", host_architecture())),
        entrypoint=_words("entrypoint", values.get("entrypoint", [])),
        cmd=_words("cmd", values.get("cmd", [])),
        env=_texts("env", values.get("env", {})),
        user=_text("user", values.get("user", "")),
        working_dir=_text("workingDir", values.get("workingDir", "")),
        labels=_texts("labels", values.get("labels", {})),
        stop_signal=_text("stopSignal", values.get("stopSignal", "")),
    )


def _entry(where: str, value: object, folder: Path) -> Entry:
    values = _mapping(where, value)
    _only(values, (*_KINDS, "mode"), f"{where}.")
    kinds = [kind for kind in _KINDS if kind in values]
    if len(kinds) != 1:
        raise refuse(where, kinds, f"exactly one of {', '.join(_KINDS)}")
    mode = _mode(f"{where}.mode", values["mode"]) if "mode" in values else None
    return _READERS[kinds[0]](f"{where}.{kinds[0]}", values[kinds[0]], mode, folder)


def _local_file(where: str, value: object, mode: int | None, folder: Path) -> Entry:
    name = _text(where, value)
    if not name or ".." in PurePosixPath(name).parts:
        raise refuse(where, name, "an absolute path, or one below the image file's folder, without '..'")
    if not (folder / name).is_file():
        raise refuse(where, name, f"a file that exists ({folder / name} does not)")
    return LocalFile(folder / name, mode)


def _inline_text(where: str, value: object, mode: int | None, folder: Path) -> Entry:
    del folder
    try:
        content = _text(where, value).encode()
    except UnicodeEncodeError as error:
        raise refuse(where, value, "text that UTF-8 can hold; use base64 for other bytes") from error
    return Inline(content) if mode is None else Inline(content, mode)


def _inline_base64(where: str, value: object, mode: int | None, folder: Path) -> Entry:
    del folder
    try:
        content = base64.b64decode("".join(_text(where, value).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse(where, value, f"base64 ({error})") from error
    return Inline(content) if mode is None else Inline(content, mode)


def _symlink(where: str, value: object, mode: int | None, folder: Path) -> Entry:
    del folder
    if mode is not None:
        raise refuse(where, "mode", "a link without a mode: the kernel ignores it")
    return Symlink(_text(where, value))


def _directory(where: str, value: object, mode: int | None, folder: Path) -> Entry:
    del folder
    if value is not True:
        raise refuse(where, value, "true")
    return Directory() if mode is None else Directory(mode)


_READERS: Final[Mapping[str, Callable[[str, object, int | None, Path], Entry]]] = {
    "file": _local_file,
    "text": _inline_text,
    "base64": _inline_base64,
    "symlink": _symlink,
    "directory": _directory,
}


def _mode(where: str, value: object) -> int:
    # YAML reads 0755 as 493 and JSON has no octal numbers at all, so a number could mean anything.
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise refuse(where, value, 'octal digits in quotes, such as "0755"')
    return int(value, 8)


def _only(values: Mapping[str, Any], accepted: tuple[str, ...], prefix: str) -> None:
    for key in values:
        if key not in accepted:
            raise ImageSpecError(
                f"cannot describe image: {prefix}{key}: there is no such field; accepted are {', '.join(accepted)}"
            )


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise refuse(where, value, "a mapping whose keys are text")
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise refuse(where, value, "text (in quotes, if it looks like a number)")
    return value


def _words(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise refuse(where, value, "a list of texts")
    return tuple(_text(f"{where}[{number}]", word) for number, word in enumerate(value))


def _texts(where: str, value: object) -> dict[str, str]:
    return {name: _text(f"{where}.{name}", text) for name, text in _mapping(where, value).items()}
