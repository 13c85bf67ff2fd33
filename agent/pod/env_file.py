# SPDX-License-Identifier: Apache-2.0
"""Files of variables that a container wrote for a later one (env[].valueFrom.fileKeyRef, KEP-3721).

The grammar is the part of the shell's that Kubernetes takes: NAME='value', nothing expanded, over several lines if
need be; a comment may follow, or stand alone after #; NAME= with a blank behind it is empty.
"""

import re
from collections.abc import Iterator
from typing import Final

from agent.pod.errors import ConfigError

LARGEST: Final = 64 * 1024
"""Bytes that Kubernetes reads of such a file at most."""

_ASSIGNMENT: Final = re.compile(r"(?P<name>[^=\n]*)=")
_EMPTY: Final = re.compile(r"[ \t][^\n]*(\n|\Z)")
_VALUE: Final = re.compile(r"'(?P<value>[^']*)'[ \t]*(#[^\n]*)?(\n|\Z)")
_NOTHING: Final = re.compile(r"[ \t]*(#[^\n]*)?(\n|\Z)")


def find(text: str, key: str) -> str | None:
    """The first value of this name, None when there is none.

    Raises ConfigError naming the line and what is wrong with it, for lines up to the one that is looked for.
    """
    return next((value for name, value in _assignments(text.replace("\r\n", "\n")) if name == key), None)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        if nothing := _NOTHING.match(text, at):
            at = nothing.end()
            continue
        name, at = _name(text, at)
        value, at = _value(text, at)
        yield name, value


def _name(text: str, at: int) -> tuple[str, int]:
    assignment = _ASSIGNMENT.match(text, at)
    if assignment is None:
        raise _refused(text, at, "missing '='")
    name = assignment["name"].lstrip(" \t")
    if not name:
        raise _refused(text, at, "empty variable name")
    if name != name.rstrip(" \t"):
        raise _refused(text, at, "whitespace before '=' is not allowed")
    return name, assignment.end()


def _value(text: str, at: int) -> tuple[str, int]:
    if empty := _EMPTY.match(text, at):
        return "", empty.end()
    value = _VALUE.match(text, at)
    if value is None:
        raise _refused(text, at, _why_no_value(text[at:]))
    return value["value"], value.end()


def _why_no_value(rest: str) -> str:
    if not rest.startswith("'"):
        return "value must be enclosed in single quotes"
    return "unclosed single quote" if "'" not in rest[1:] else "unexpected content after closing quote"


def _refused(text: str, at: int, why: str) -> ConfigError:
    line = text.count("\n", 0, at) + 1
    return ConfigError(f"invalid environment variable format at line {line}: {why}")
