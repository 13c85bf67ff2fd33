# SPDX-License-Identifier: Apache-2.0
"""Strategic merge patch: a merge patch that knows lists, by the patch strategies and merge keys of the types.

A list is merged when its field has the strategy merge and the object has it already: objects by the merge key alone
(for ports that is the number without the protocol, as Kubernetes has it), scalars as a set. Any other list is
replaced. Where the schema says nothing, objects are merged and lists replaced. Directives are in directives.py.
"""

from collections.abc import Hashable
from typing import Any, Final

from controlplane.patch.directives import (
    DELETE,
    DELETE_FROM,
    DIRECTIVE,
    ELEMENT_ORDER,
    MERGE,
    REPLACE,
    RETAIN_KEYS,
    Path,
    bad_patch,
    check_names,
    fresh,
    verb_of,
)
from controlplane.patch.element_order import in_order
from controlplane.patch.errors import malformed
from controlplane.patch.plain import MAX_DEPTH, Json, clone, depth
from kube.schema import ANY, Field, Schema, Shape

_UNTYPED: Final = Field("", "", ANY)


def apply_strategic_patch(schema: Schema, obj: Json, patch: object) -> Json:
    """The patched object, which shares nothing with obj or patch.

    Raises ApiError 400 for a patch whose directives or items are not of the form they must have.
    """
    if not isinstance(patch, dict):
        raise malformed("a strategic merge patch of an object is an object")
    if depth(patch) > MAX_DEPTH:
        raise malformed(f"it is nested deeper than {MAX_DEPTH} levels")
    return _merge_object(clone(obj), patch, schema, ())


def _merge_object(target: Json, patch: Json, schema: Schema, path: Path) -> Json:
    """Merge into target, which is changed, and give what stands in its place."""
    check_names(patch, path)
    verb = verb_of(patch, path)
    if verb == DELETE:
        return {}
    if verb == REPLACE:
        made: Json = fresh(patch, path)
        return made
    _retain_keys(target, patch, path)
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            _delete_scalars(target, key.removeprefix(DELETE_FROM), value, path)
        elif not key.startswith("$"):
            _merge_member(target, key, value, _field(schema, key), patch.get(ELEMENT_ORDER + key), path)
    for key, value in patch.items():
        if key.startswith(ELEMENT_ORDER):
            _reorder(target, key.removeprefix(ELEMENT_ORDER), value, patch, schema, path)
    return target


def _field(schema: Schema, key: str) -> Field:
    """What is known of a member: a field of an object, or a value of a map."""
    if schema.shape is Shape.MAP and schema.items is not None:
        return Field(key, key, schema.items)
    return schema.fields.get(key, _UNTYPED)


def _retain_keys(target: Json, patch: Json, path: Path) -> None:
    if RETAIN_KEYS not in patch:
        return
    kept = patch[RETAIN_KEYS]
    if not isinstance(kept, list) or not all(isinstance(key, str) for key in kept):
        raise bad_patch(path, f"{RETAIN_KEYS} must be a list of names")
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in kept:
            raise bad_patch(path, f"{key} is in the patch and not in its {RETAIN_KEYS}")
    for key in target.keys() - set(kept):
        del target[key]


def _merge_member(target: Json, key: str, value: Any, field: Field, order: Any, path: Path) -> None:
    """One member of the patch; order is the $setElementOrder of it, or None."""
    here = (*path, key)
    live = target.get(key)
    if value is None:
        target.pop(key, None)
    elif isinstance(value, dict) and isinstance(live, dict) and not field.replace:
        target[key] = _merge_object(live, value, field.schema, here)
    elif isinstance(value, list) and isinstance(live, list) and field.merge:
        target[key] = _merge_list(live, value, field, order, here)
    elif isinstance(value, dict) and value.get(DIRECTIVE) == DELETE:
        target.pop(key, None)
    else:
        target[key] = fresh(value, here)


def _merge_list(live: list[Any], patch: list[Any], field: Field, order: Any, path: Path) -> list[Any]:
    """The merged list in its order."""
    if not field.merge_key:
        return _merge_scalars(live, patch, order, path)
    items, merge_key = field.schema.items or ANY, field.merge_key
    verbs = [_item_verb(item, merge_key, path) for item in patch]
    start = [] if REPLACE in verbs else _without_deleted(live, patch, merge_key)
    listed = [item for item, verb in zip(patch, verbs, strict=True) if verb == MERGE]
    merged = _merge_items(list(start), listed, merge_key, items, path)
    live_keys = [_loose_key(item, merge_key) for item in live]
    named = [_loose_key(item, merge_key) for item in listed]
    wanted = named if order is None else _order_keys(order, merge_key, named, path)
    return in_order(merged, wanted, live_keys, lambda item: _loose_key(item, merge_key))


def _merge_items(
    target: list[Any], listed: list[Json], merge_key: str, items: Schema, path: Path
) -> list[Any]:
    """Merge each item of the patch into the first one with its key, or append it."""
    places = {_loose_key(item, merge_key): place for place, item in reversed(list(enumerate(target)))}
    for item in listed:
        key = _loose_key(item, merge_key)
        here = (*path, f"[{merge_key}={item[merge_key]}]")
        place = places.get(key)
        if place is None:
            places[key] = len(target)
            target.append(fresh(item, here))
        else:
            target[place] = _merge_object(target[place], item, items, here)
    return target


def _item_verb(item: Any, merge_key: str, path: Path) -> str:
    """What to do with an item of the patch, which must be an object and (but for replace) have the merge key."""
    if not isinstance(item, dict):
        raise bad_patch(path, "the items of this list must be objects")
    verb = verb_of(item, path)
    if verb != REPLACE and item.get(merge_key) is None:
        raise bad_patch(path, f'an item lacks the merge key "{merge_key}"')
    return verb


def _without_deleted(live: list[Any], patch: list[Json], merge_key: str) -> list[Any]:
    deleted = {_loose_key(item, merge_key) for item in patch if item.get(DIRECTIVE) == DELETE}
    return [item for item in live if _loose_key(item, merge_key) not in deleted] if deleted else live


def _loose_key(item: Any, merge_key: str) -> Hashable:
    """Keys are compared as text, so that 80 finds "80"; a live item without a key is found by none."""
    value = item.get(merge_key) if isinstance(item, dict) else None
    return None if value is None else str(value)


def _merge_scalars(live: list[Any], patch: list[Any], order: Any, path: Path) -> list[Any]:
    """A set: no item twice, the patch's in its order."""
    if any(isinstance(item, (dict, list)) for item in patch):
        raise bad_patch(path, "the items of this list must be scalars")
    named = patch if order is None else _scalar_order(order, patch, path)
    return in_order(list(dict.fromkeys([*live, *patch])), named, live, lambda item: item)


def _delete_scalars(target: Json, key: str, deleted: Any, path: Path) -> None:
    if not isinstance(deleted, list):
        raise bad_patch(path, f"{DELETE_FROM}{key} must be a list")
    live = target.get(key)
    if isinstance(live, list):
        target[key] = [item for item in live if item not in deleted]


def _reorder(target: Json, key: str, order: Any, patch: Json, schema: Schema, path: Path) -> None:
    """Order a list that the patch does not change otherwise; one that it changes has been ordered with that."""
    field, live, here = _field(schema, key), target.get(key), (*path, key)
    if not field.merge:
        raise bad_patch(here, f"{ELEMENT_ORDER}{key} is for lists that are merged, and this one is replaced")
    if not isinstance(order, list):
        raise bad_patch(here, "its element order must be a list")
    if patch.get(key) is not None or not isinstance(live, list):
        return
    if not field.merge_key:
        target[key] = in_order(live, _scalar_order(order, [], here), live, lambda item: item)
        return
    merge_key = field.merge_key
    live_keys = [_loose_key(item, merge_key) for item in live]
    wanted = _order_keys(order, merge_key, [], here)
    target[key] = in_order(live, wanted, live_keys, lambda item: _loose_key(item, merge_key))


def _scalar_order(order: Any, patch: list[Any], path: Path) -> list[Any]:
    if not isinstance(order, list) or any(isinstance(item, (dict, list)) for item in order):
        raise bad_patch(path, "its element order must be a list of scalars")
    _check_order(order, patch, path)
    return order


def _order_keys(order: Any, merge_key: str, named: list[Hashable], path: Path) -> list[Hashable]:
    if not isinstance(order, list):
        raise bad_patch(path, "its element order must be a list")
    if not all(isinstance(item, dict) and item.get(merge_key) is not None for item in order):
        raise bad_patch(path, f'its element order must be a list of objects with the merge key "{merge_key}"')
    keys = [_loose_key(item, merge_key) for item in order]
    _check_order(keys, named, path)
    return keys


def _check_order(order: list[Any], named: list[Any], path: Path) -> None:
    """What the patch names must be in the order, and in the same order."""
    at = {item: place for place, item in reversed(list(enumerate(order)))}
    places = [at[item] for item in named if item in at]
    if len(places) < len(named) or places != sorted(places):
        raise bad_patch(path, "the patch and its element order do not name the items in the same order")
