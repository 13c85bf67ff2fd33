# SPDX-License-Identifier: Apache-2.0
"""The check of a pod against the table of fields that this node honours (agent/sources/fields)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from lightkube.models import core_v1, meta_v1

from agent.sources.fields import FIELDS
from agent.sources.fields.rules import NO, YES, Ignored, Refused, Support, Supported
from kube.problem import FieldProblem, Path, forbidden, show

_SAYS_NO: Final = "is not supported by this version of the node"


def check_support(value: msgspec.Struct, path: Path = ()) -> Iterator[FieldProblem]:
    """A problem for each field that is set and would have no effect; to be asked before defaults are filled in.

    Nothing, an empty text, list, map or object counts as not set.
    """
    rules = FIELDS[type(value)]
    for name in value.__struct_fields__:
        item = getattr(value, name)
        if not _is_empty(item):
            yield from _check_field(item, rules.get(name, NO), (*path, name), rules)


def _check_field(
    item: Any, rule: Support, path: Path, rules: Mapping[str, Support]
) -> Iterator[FieldProblem]:
    match rule:
        case Ignored():
            return
        case Refused(instead):
            yield forbidden(
                path, _SAYS_NO, instead or ", ".join(name for name in rules if rules[name] is YES)
            )
        case Supported(values, _) if values and not any(_same(item, value) for value in values):
            yield forbidden(path, f"{show(item)} {_SAYS_NO}", ", ".join(map(show, values)))
        case Supported(_, keys) if keys:
            for key in item:
                if key not in keys:
                    yield forbidden((*path, key), _SAYS_NO, ", ".join(keys))
        case _:
            yield from _check_inside(item, path)


def _check_inside(item: Any, path: Path) -> Iterator[FieldProblem]:
    if isinstance(item, msgspec.Struct):
        yield from check_support(item, path)
    elif isinstance(item, list):
        for index, part in enumerate(item):
            if isinstance(part, msgspec.Struct):
                yield from check_support(part, (*path, index))


def _is_empty(item: Any) -> bool:
    if isinstance(item, msgspec.Struct):
        return all(_is_empty(getattr(item, name)) for name in item.__struct_fields__)
    return item is None or item in ("", [], {})


def _same(item: object, value: object) -> bool:
    """Equal and of one type: False is not 0."""
    return type(item) is type(value) and item == value


def without_ignored(pod: core_v1.Pod) -> core_v1.Pod:
    """The pod without the fields that are ignored, so that nothing later can depend on them."""
    metadata = pod.metadata and msgspec.structs.replace(pod.metadata, **_ignored(meta_v1.ObjectMeta))
    return msgspec.structs.replace(pod, **{**_ignored(core_v1.Pod), "metadata": metadata})


def _ignored(model: type[msgspec.Struct]) -> dict[str, None]:
    return {name: None for name, rule in FIELDS[model].items() if isinstance(rule, Ignored)}
