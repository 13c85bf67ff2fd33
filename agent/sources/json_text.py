# SPDX-License-Identifier: Apache-2.0
"""JSON text into plain data, noticing repeated keys, which JSON allows and a manifest may not have."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from agent.sources.errors import ManifestError
from agent.sources.nodes import MAX_DEPTH, TOO_DEEP
from kube.problem import show

_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class JsonValue:
    """One JSON value of a file, the text it was read from, its first line, and a repeated key in it ("": none)."""

    data: Any
    text: str
    line: int
    repeated: str


def read_json(text: str) -> Iterator[JsonValue]:
    """All values of a text, which may follow one another; raises ManifestError at the first fault of syntax."""
    start = _skip_blank(text, 0)
    while start < len(text):
        line = text.count("\n", 0, start) + 1
        data, end, repeated = _read_one(text, start)
        yield JsonValue(data, text[start:end], line, repeated)
        start = _skip_blank(text, end)


def _read_one(text: str, start: int) -> tuple[Any, int, str]:
    repeated: list[str] = []

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                repeated.append(key)
            made[key] = value
        return made

    line = text.count("\n", 0, start) + 1
    try:
        decoder = json.JSONDecoder(object_pairs_hook=to_dict, parse_constant=_no_constant)
        data, end = decoder.raw_decode(text, start)
        _check(data, 0)
        json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ManifestError(f"broken JSON: {error.msg.lower()}", line=error.lineno) from error
    except UnicodeEncodeError as error:
        message = "broken JSON: half a surrogate pair; accepted: both \\u escapes, or the character itself"
        raise ManifestError(message, line=line) from error
    except RecursionError as error:
        raise ManifestError(f"broken JSON: {TOO_DEEP}", line=line) from error
    except ValueError as error:
        raise ManifestError(f"broken JSON: {error}", line=line) from error
    return data, end, show(repeated[0]) if repeated else ""


def _skip_blank(text: str, start: int) -> int:
    while start < len(text) and text[start] in _BLANK:
        start += 1
    return start


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _check(data: Any, depth: int) -> None:
    """The limit that YAML documents have too."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(data, dict):
        for value in data.values():
            _check(value, depth + 1)
    elif isinstance(data, list):
        for value in data:
            _check(value, depth + 1)
