# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' messages, read from the tables beside this file: one for each group and version, at first use.

A row is: message, field as in JSON ("-" for a message whose fields are its owner's in JSON), number, type, and what a
zero value is. Go's encoder writes fields that are no pointers always, set or not; so a zero value is nothing, or for
"set" (a pointer in Go) a value like others, or for "shown" (no omitempty in Go) one that JSON has where it has the
owner. Numbers, names and types are those of the Go types of k8s.io/api and k8s.io/apimachinery 0.36 (tags json and
protobuf) and their generated.proto.

A type is a scalar (string, bytes, bool, int32, int64, double), a leaf (Time, MicroTime, Quantity, IntOrString, Raw,
Strings; see leaves.py), or a message of this table or, with "<table>.", of another; before it "list" or "map" (from
strings).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Final

INLINE: Final = "-"


class Shape(StrEnum):
    """How often a field may be there."""

    ONE = "one"
    LIST = "list"
    MAP = "map"


class Zero(StrEnum):
    """What a zero value is; see above."""

    NOTHING = ""
    SET = "set"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message; message is the full name ("core_v1.Pod") of its type where type is "", else ""."""

    name: str
    shape: Shape
    type: str
    message: str
    zero: Zero


@dataclass(frozen=True, slots=True)
class Message:
    """A message's fields by number, and those of its lists and maps that JSON has also where they are empty."""

    fields: Mapping[int, Field]
    shown: tuple[Field, ...]


SCALARS: Final = frozenset({"string", "bytes", "bool", "int32", "int64", "double"})
LEAVES: Final = frozenset({"Time", "MicroTime", "Quantity", "IntOrString", "Raw", "Strings"})


def message(name: str) -> Message | None:
    """The fields of a message ("core_v1.Pod") by number; None when no table has it."""
    table, _, short = name.partition(".")
    # What is asked for comes from requests: only what there is may enter a cache.
    return _table(table).get(short) if table in table_names() else None


@cache
def table_names() -> tuple[str, ...]:
    """All tables: core_v1, apps_v1..."""
    found = files(__package__).joinpath("tables").iterdir()
    return tuple(sorted(each.name.removesuffix(".tsv") for each in found if each.name.endswith(".tsv")))


def message_names(table: str) -> tuple[str, ...]:
    """The messages of a table."""
    return tuple(_table(table))


@cache
def _table(name: str) -> dict[str, Message]:
    _, *lines = files(__package__).joinpath("tables", f"{name}.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    return {
        short: _message({int(row[2]): _field(name, *row[1:2], *row[3:]) for row in these if row[2]})
        for short, these in groupby(rows, key=lambda row: row[0])
    }


def _message(fields: Mapping[int, Field]) -> Message:
    several = [field for field in fields.values() if field.shape is not Shape.ONE]
    return Message(fields, tuple(field for field in several if field.zero is Zero.SHOWN))


def _field(table: str, name: str, told: str, zero: str) -> Field:
    words = told.split(" ")
    type_, shape = words[-1], Shape(words[0]) if len(words) > 1 else Shape.ONE
    if type_ in SCALARS or type_ in LEAVES:
        return Field(name, shape, type_, "", Zero(zero))
    return Field(name, shape, "", type_ if "." in type_ else f"{table}.{type_}", Zero(zero))
