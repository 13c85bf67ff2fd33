# SPDX-License-Identifier: Apache-2.0
"""Reading and completing plain JSON objects without a test for None at every step. Null counts as absent."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

Json = dict[str, Any]
Step = str | int

# In a path: every item of a list.
EACH: Final = "*"


def look(obj: Any, *path: Step, default: Any = None) -> Any:
    """The value at a path of names and indexes; the default where a step leads nowhere or to null."""
    for step in path:
        if isinstance(obj, dict):
            obj = obj.get(step)
        elif isinstance(obj, list) and isinstance(step, int) and -len(obj) <= step < len(obj):
            obj = obj[step]
        else:
            return default
    return default if obj is None else obj


def items(obj: Any, *path: Step) -> list[Any]:
    """The list at a path; empty where there is none."""
    found = look(obj, *path)
    return found if isinstance(found, list) else []


def mapping(obj: Any, *path: Step) -> Json:
    """The object at a path; empty where there is none."""
    found = look(obj, *path)
    return found if isinstance(found, dict) else {}


def objects(obj: Any, path: tuple[Step, ...]) -> Iterator[Json]:
    """Every object that a path leads to; EACH goes into all items of a list."""
    if not path:
        if isinstance(obj, dict):
            yield obj
    elif path[0] == EACH:
        for item in obj if isinstance(obj, list) else ():
            yield from objects(item, path[1:])
    else:
        yield from objects(look(obj, path[0]), path[1:])


def fill(target: Json, defaults: Mapping[str, Any]) -> None:
    """Put in copies of these values where there are none; an empty text counts as none, as in Go."""
    for name, value in defaults.items():
        if target.get(name) in (None, ""):
            target[name] = deepcopy(value)


def member(target: Json, name: str) -> Json:
    """The object under a name, made when it is not there."""
    found = target.get(name)
    if not isinstance(found, dict):
        found = target[name] = {}
    return found


Defaults = Mapping[tuple[Step, ...], Mapping[str, Any]]


def fill_all(obj: Json, table: Defaults) -> None:
    """Complete every object that the table's paths lead to, in the table's order; what is not there stays away."""
    for path, defaults in table.items():
        for target in objects(obj, path):
            fill(target, defaults)
