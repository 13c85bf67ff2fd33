# SPDX-License-Identifier: Apache-2.0
"""How an applied configuration meets the live object: merged in, and pruned of what nobody lists any more."""

from typing import Any

from controlplane.patch.compare import by_step, child_schema, is_leaf
from controlplane.patch.field_set import FieldSet, has_self
from controlplane.patch.path_element import field_step, item_step
from controlplane.patch.plain import Json, clone
from kube.schema import ANY, Schema, Shape


def merge(schema: Schema, live: Any, config: Any) -> Any:
    """The live value with the configuration's fields set; shares nothing with either. None is an absent value."""
    if config is None or live is None:
        return clone(live if config is None else config)
    if type(live) is not type(config) or is_leaf(schema, live, config):
        return clone(config)
    if isinstance(config, list):
        return _merge_lists(schema, live, config)
    result = {key: merge(child_schema(schema, key), value, config.get(key)) for key, value in live.items()}
    added = {key: clone(value) for key, value in config.items() if key not in live}
    return {**result, **added}


def _merge_lists(schema: Schema, live: list[Any], config: list[Any]) -> list[Any]:
    """Items that both have are merged. Listed ones keep the configuration's order, others their place before them."""
    there, listed = by_step(schema, live), by_step(schema, config)
    items = schema.items or ANY
    result: list[Any] = []
    for step in _order(list(there), list(listed)):
        if step not in listed:
            result.extend(map(clone, there[step]))
            continue
        before = there.get(step, [])
        result.append(merge(items, before[0] if len(before) == 1 else None, listed[step][0]))
    return result


def _order(live: list[str], listed: list[str]) -> list[str]:
    """Both orders put together: a live-only item comes before the first listed one that follows it in the live list."""
    is_listed = set(listed)
    places = {step: place for place, step in enumerate(live)}
    result: list[str] = []
    place = 0
    for step in listed:
        until = places.get(step)
        if until is None:  # as far as nothing listed is in the way
            until = next((at for at in range(place, len(live)) if live[at] in is_listed), len(live)) - 1
        if until >= place:
            result.extend(other for other in live[place : until + 1] if other not in is_listed)
            place = until + 1
        result.append(step)
    result.extend(other for other in live[place:] if other not in is_listed)
    return result


def prune(schema: Schema, merged: Json, last: FieldSet, kept: FieldSet | None) -> Json:
    """Remove what the manager listed last time and what is not in kept: the union of all managers' sets now.

    Changes merged. A named field of an object stays when anything below it is kept; an item or a key of a map goes
    with all below it. An object or list that this empties goes too.
    """
    _prune_members(schema, merged, last, kept or {})
    return merged


def _prune(schema: Schema, value: Any, last: FieldSet, kept: FieldSet | None) -> Any:
    """The pruned value, or None when nothing is left of it and nobody has it for itself."""
    if not value or is_leaf(schema, value, None):
        return value
    if isinstance(value, dict):
        _prune_members(schema, value, last, kept or {})
        left: Any = value
    else:
        left = _prune_items(schema, value, last, kept or {})
    return left if left or has_self(kept) else None


def _prune_members(schema: Schema, value: Json, last: FieldSet, kept: FieldSet) -> None:
    is_object = schema.shape is Shape.OBJECT
    for key in list(value):
        step = field_step(key)
        was, keep = last.get(step), kept.get(step)
        if was is None:
            continue
        is_kept = keep is not None and (is_object or has_self(keep))
        left = None
        if is_kept or not (is_object or has_self(was)):
            left = _prune(child_schema(schema, key), value[key], was, keep)
        if left is None:
            del value[key]
        else:
            value[key] = left


def _prune_items(schema: Schema, value: list[Any], last: FieldSet, kept: FieldSet) -> list[Any]:
    """An item that stays keeps its keys, whoever owns them."""
    items = schema.items or ANY
    result = []
    for item in value:
        step = item_step(schema, item)
        was, keep = last.get(step), kept.get(step)
        if was is None:
            result.append(item)
        elif has_self(keep) or not has_self(was):
            keys = {key: item[key] for key in schema.list_map_keys if key in item}
            left = _prune(items, item, was, keep)
            result.append({**keys, **(left or {})} if isinstance(item, dict) else left)
    return result
