# SPDX-License-Identifier: Apache-2.0
"""Decoders of single values for kube.strict, and the problems that they report."""

import difflib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from kube.annotations import QuantityText
from kube.errors import QuantityError
from kube.problem import FieldProblem, Path, ProblemKind, show
from kube.quantity import ACCEPTED, parse

# What a decoder returns for a value that it reported.
BAD: Final[Any] = object()

Problems = list[FieldProblem]
Decode = Callable[[object, Path, Problems], Any]
# A type's decoder, and what makes the value that stands for a missing one where a model demands it.
Shape = tuple[Decode, Callable[[], Any]]

# The API's int is int64; some fields are int32, which the models do not tell.
_INT64: Final = range(-(2**63), 2**63)
_LONGEST_GUESSED: Final = 64
_TIME_EXAMPLE: Final = 'RFC 3339, such as "2024-05-01T12:00:00Z"'


def wrong_type(path: Path, expected: str, value: object) -> FieldProblem:
    """A value of another type than the field's; `expected` has its article ("a string")."""
    message = f"expected {expected}, found {_describe(value)}"
    return FieldProblem(path, message, _hint(expected, value), ProblemKind.TYPE)


def unknown_field(path: Path, known: Iterable[str], *, suggest: bool = True) -> FieldProblem:
    """A field that the type does not have; suggesting costs up to a millisecond."""
    name = str(path[-1])
    meant = _closest(name, list(known)) if suggest else ""
    if meant:
        message = f"unknown field {show(name)}; did you mean {meant}?"
        return FieldProblem(path, message, kind=ProblemKind.UNKNOWN)
    accepted = ", ".join(sorted(known)) if suggest else ""
    return FieldProblem(path, f"unknown field {show(name)}", accepted, ProblemKind.UNKNOWN)


def anything(value: object, path: Path, problems: Problems) -> Any:  # noqa: ARG001 - one signature for all
    """Any JSON value, as it is."""
    return value


def string(value: object, path: Path, problems: Problems) -> Any:
    """A text."""
    if isinstance(value, str):
        return value
    problems.append(wrong_type(path, "a string", value))
    return BAD


def integer(value: object, path: Path, problems: Problems) -> Any:
    """A whole number of 64 bits."""
    if type(value) is not int:
        problems.append(wrong_type(path, "an integer", value))
        return BAD
    if value not in _INT64:
        accepted = "a whole number of 64 bits with sign"
        problems.append(FieldProblem(path, "the number is too large", accepted, ProblemKind.TYPE))
        return BAD
    return value


def number(value: object, path: Path, problems: Problems) -> Any:
    """A floating point number, or a whole one in its place."""
    if isinstance(value, float):
        return value
    if type(value) is not int:
        problems.append(wrong_type(path, "a number", value))
        return BAD
    whole = integer(value, path, problems)
    return BAD if whole is BAD else float(whole)


def boolean(value: object, path: Path, problems: Problems) -> Any:
    """True or false."""
    if isinstance(value, bool):
        return value
    problems.append(wrong_type(path, "true or false", value))
    return BAD


def integer_or_string(value: object, path: Path, problems: Problems) -> Any:
    """A port number or name, a count or a percentage."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return integer(value, path, problems)
    problems.append(wrong_type(path, "an integer or a string", value))
    return BAD


def time(value: object, path: Path, problems: Problems) -> Any:
    """An RFC 3339 time with its offset; what is finer than a microsecond is rounded."""
    if not isinstance(value, str):
        problems.append(wrong_type(path, "a time", value))
        return BAD
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"{show(value)} is no time with an offset"
        problems.append(FieldProblem(path, message, _TIME_EXAMPLE, ProblemKind.TYPE))
        return BAD
    return moment


def quantity(value: object, path: Path, problems: Problems) -> Any:
    """An amount as text; a bare number is taken as the API takes it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        problems.append(wrong_type(path, "a quantity", value))
        return BAD
    try:
        parse(value)
    except (QuantityError, ValueError) as error:
        why = str(error).partition("; accepted")[0]
        problems.append(FieldProblem(path, why, ACCEPTED.removeprefix("accepted are "), ProblemKind.TYPE))
        return BAD
    return value if isinstance(value, str) else repr(value)


def _epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)


SCALARS: Final[dict[Any, Shape]] = {
    str: (string, str),
    int: (integer, int),
    float: (number, float),
    bool: (boolean, bool),
    datetime: (time, _epoch),
    QuantityText: (quantity, lambda: "0"),
    Any: (anything, lambda: None),
}


def _describe(value: object) -> str:
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return f"the boolean {show(value)}"
        case int() | float():
            return f"the number {show(value)}"
        case str():
            return f"the text {show(value)}"
        case list():
            return "a list"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def _hint(expected: str, value: object) -> str:
    """What the person probably has to type."""
    if expected == "a string" and isinstance(value, bool):
        return "text in quotes (yes, no, on, off, y, n, true and false without quotes are booleans)"
    if expected == "a string" and isinstance(value, (int, float)):
        return f'text in quotes: "{show(value)}"'
    if expected == "an integer" and isinstance(value, str) and value.strip().isdecimal():
        return f"{show(int(value))} without quotes" if len(value) < 20 else ""
    if expected == "a list" and isinstance(value, dict):
        return 'a list, each item with "- " before it'
    return ""


def _closest(name: str, known: list[str]) -> str:
    """The known name that was probably meant, or ""."""
    if len(name) > _LONGEST_GUESSED:
        return ""
    by_lower = {field.lower(): field for field in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[found[0]] if found else ""
