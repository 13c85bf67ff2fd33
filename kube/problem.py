# SPDX-License-Identifier: Apache-2.0
"""What is wrong with one field of an object, as a value: where, what, and what is accepted instead."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Path = tuple[str | int, ...]

_PLAIN_NAME: Final = re.compile(r"[$A-Za-z_][-\w]*")
_LONGEST_SHOWN: Final = 80


class ProblemKind(StrEnum):
    """What sort of trouble it is; the API server answers differently to the first two and to the others."""

    UNKNOWN = "unknown field"
    TYPE = "wrong type"
    REQUIRED = "required"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported value"
    DUPLICATE = "duplicate"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    TOO_LONG = "too long"
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault: `path` leads to the field from the object's root, by JSON's names and by list indexes.

    `message` says what is wrong and repeats the value; `accepted` says what would be right, or is "".
    """

    path: Path
    message: str
    accepted: str = ""
    kind: ProblemKind = ProblemKind.INVALID

    @property
    def field(self) -> str:
        """The path as people write it: spec.containers[0].image, metadata.labels[example.com/tier]."""
        return path_text(self.path)

    @property
    def text(self) -> str:
        """The message with what is accepted, without the path."""
        return f"{self.message}; accepted: {self.accepted}" if self.accepted else self.message

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.path else self.text


def path_text(path: Path) -> str:
    """Join a path with dots; indexes, and names that are no words, stand in brackets."""
    text = ""
    for part in path:
        if isinstance(part, str) and _PLAIN_NAME.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{shorten(str(part))}]"
    return text


def shorten(text: str) -> str:
    """Cut a text that would fill the screen."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def show(value: object) -> str:
    """A plain value as JSON writes it, cut when long."""
    return shorten(json.dumps(value, ensure_ascii=False, default=str))


def required(path: Path, accepted: str = "") -> FieldProblem:
    """A field that has to be there is not, or is empty."""
    return FieldProblem(path, "Required value", accepted, ProblemKind.REQUIRED)


def invalid(path: Path, value: object, accepted: str) -> FieldProblem:
    """A value breaks a rule; `accepted` states the rule."""
    return FieldProblem(path, f"Invalid value: {show(value)}", accepted)


def refused(path: Path, value: object, why: str) -> FieldProblem:
    """A value that is fine alone but not here; `why` is a sentence, such as "field is immutable"."""
    return FieldProblem(path, f"Invalid value: {show(value)}: {why}")


def unsupported(path: Path, value: object, accepted: Iterable[str]) -> FieldProblem:
    """A value is none of those that exist."""
    names = ", ".join(show(name) for name in accepted)
    return FieldProblem(path, f"Unsupported value: {show(value)}", names, ProblemKind.UNSUPPORTED)


def duplicate(path: Path, value: object, accepted: str) -> FieldProblem:
    """A value that must be unique was used before."""
    return FieldProblem(path, f"Duplicate value: {show(value)}", accepted, ProblemKind.DUPLICATE)


def forbidden(path: Path, message: str, accepted: str = "") -> FieldProblem:
    """A field may not be set here at all."""
    return FieldProblem(path, message, accepted, ProblemKind.FORBIDDEN)


def not_found(path: Path, value: object, accepted: str) -> FieldProblem:
    """A value names something that is not there."""
    return FieldProblem(path, f"Not found: {show(value)}", accepted, ProblemKind.NOT_FOUND)


def too_long(path: Path, most: int, unit: str = "bytes") -> FieldProblem:
    """A text or its like is longer than `most` units."""
    return FieldProblem(path, f"Too long: may not be more than {most} {unit}", kind=ProblemKind.TOO_LONG)


def too_many(path: Path, found: int, most: int) -> FieldProblem:
    """A list has more items than `most`."""
    return FieldProblem(path, f"Too many: {found}", f"at most {most} items", ProblemKind.TOO_MANY)
