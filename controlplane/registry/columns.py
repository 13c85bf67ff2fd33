# SPDX-License-Identifier: Apache-2.0
"""The columns that many kinds share, and makers of those that only look a value up."""

from collections.abc import Callable
from typing import Any, Final

from controlplane.registry.data import Json, Step, items, look, mapping
from controlplane.registry.humanize import NONE, UNKNOWN, age, joined, selector
from controlplane.registry.resource import Column

WIDE: Final = 1

NAME: Final = Column("Name", lambda obj: look(obj, "metadata", "name", default=""), format="name")
AGE: Final = Column("Age", lambda obj: age(look(obj, "metadata", "creationTimestamp")))


def text(name: str, *path: Step, empty: str = NONE, priority: int = 0) -> Column:
    """A column with the text at a path; `empty` where there is none."""

    def value(obj: Json) -> str:
        found = look(obj, *path, default="")
        return empty if found == "" else _plain(found)

    return Column(name, value, priority=priority)


def number(name: str, *path: Step, priority: int = 0) -> Column:
    """A column with the integer at a path; 0 where there is none."""
    return Column(name, lambda obj: look(obj, *path, default=0), type="integer", priority=priority)


def count(name: str, *path: Step, type: str = "string") -> Column:  # noqa: A002 - as Column calls it
    """A column with the size of the list or map at a path."""
    return Column(name, lambda obj: _size(obj, path), type=type)


def elapsed(name: str, *path: Step, empty: str = UNKNOWN, priority: int = 0) -> Column:
    """A column with how long ago the time at a path was."""
    return Column(name, lambda obj: age(moment) if (moment := look(obj, *path)) else empty, priority=priority)


def computed(name: str, value: Callable[[Json], object], *, priority: int = 0) -> Column:
    """A column of text that a function gives."""
    return Column(name, value, priority=priority)


def template_columns(*path: Step, init: bool = False) -> tuple[Column, ...]:
    """The wide columns of a workload, whose pod template is at path: names and images of its containers."""
    kinds = ("initContainers", "containers") if init else ("containers",)

    def listed(field: str) -> Callable[[Json], str]:
        return lambda obj: joined(
            container.get(field, "") for kind in kinds for container in items(obj, *path, "spec", kind)
        )

    return (
        Column("Containers", listed("name"), priority=WIDE),
        Column("Images", listed("image"), priority=WIDE),
    )


def selector_column(*path: Step, name: str = "Selector", priority: int = WIDE) -> Column:
    """A LabelSelector at a path, in the words of the query language."""
    return Column(name, lambda obj: selector(mapping(obj, *path)), priority=priority)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(obj: Json, path: tuple[Step, ...]) -> int | str:
    return len(look(obj, *path, default=()))


def created_at() -> Column:
    """The creation time itself, which kinds without columns of their own show instead of an age."""
    return Column(
        "Created At", lambda obj: look(obj, "metadata", "creationTimestamp", default=UNKNOWN), type="date"
    )
