# SPDX-License-Identifier: Apache-2.0
"""Checks that many fields of a Pod need: one of some words, a number in a range, a path that stays inside."""

from collections.abc import Iterator, Sequence

import msgspec

from kube.problem import FieldProblem, Path, forbidden, invalid, required, unsupported

Problems = Iterator[FieldProblem]


def one_of(path: Path, value: str | None, values: Sequence[str]) -> Problems:
    """A word, if there is one, is among these."""
    if value is not None and value not in values:
        yield unsupported(path, value, values)


def in_range(path: Path, value: int | None, lowest: int, highest: int, shown: str = "") -> Problems:
    """A number, if there is one, is within bounds; shown says them otherwise than in decimal."""
    if value is not None and not lowest <= value <= highest:
        yield invalid(path, value, shown or f"a number from {lowest} to {highest}")


def present(path: Path, value: object, accepted: str = "") -> Problems:
    """Something is there, and is not empty."""
    if value is None or value == "":
        yield required(path, accepted)


def exactly_one(path: Path, value: msgspec.Struct, names: Sequence[str]) -> Problems:
    """One field of those is set, and no second one."""
    given = [name for name in names if getattr(value, name) is not None]
    if not given:
        yield required(path, f"one of {', '.join(names)}")
    for name in given[1:]:
        yield forbidden((*path, name), f"may not be set together with {given[0]}", "one of the two")


def relative_path(path: Path, value: str, *, reserved: bool = False) -> Problems:
    """A path below something: not absolute, without ".."; with reserved its first part may not begin with ".."."""
    if value.startswith("/"):
        yield invalid(path, value, "a relative path")
    if ".." in value.split("/"):
        yield invalid(path, value, 'a path without ".."')
    elif reserved and value.startswith(".."):
        yield invalid(path, value, 'a path that does not begin with ".."')
