# SPDX-License-Identifier: Apache-2.0
"""Strategic merge patch: a merge patch that knows lists, by the patch strategies and merge keys of the types.

Directives: `$patch` (replace, delete, merge) in an object or in an item of a list, `$retainKeys`,
`$setElementOrder/<list>` and `$deleteFromPrimitiveList/<list>`. A list is merged when its field has the strategy
merge: objects by the merge key alone (for ports that is the number without the protocol, as Kubernetes has it),
scalars as a set. Anything else is replaced. Where the schema says nothing, maps are merged and lists replaced.
"""

from collections.abc import Hashable
from typing import Any, Final

from controlplane.patch.element_order import in_order
from controlplane.patch.errors import malformed
from controlplane.patch.plain import MAX_DEPTH, Json, clone, depth
from kube.schema import ANY, Field, Schema, Shape

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
ELEMENT_ORDER: Final = "$setElementOrder/"
DELETE_FROM: Final = "$deleteFromPrimitiveList/"

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


def _merge_object(target: Json, patch: Json, schema: Schema, path: tuple[str, ...]) -> Json:
    """Merge into target, which is changed, and give what stands in its place."""
    match patch.get(DIRECTIVE, "merge"):
        case "delete":
            return {}
        case "replace":
            target = {}
        case "merge":
            pass
        case other:
            raise _bad(path, f'{DIRECTIVE} must be replace, delete or merge, not "{other}"')
    _retain_keys(target, patch, path)
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_member(target, key, value, _field(schema, key), patch, path)
    _apply_list_directives(target, patch, schema, path)
    return target


def _field(schema: Schema, key: str) -> Field:
    """What is known of a member: a field of an object, or a value of a map."""
    if schema.shape is Shape.MAP and schema.items is not None:
        return Field(key, key, schema.items)
    return schema.fields.get(key, _UNTYPED)


def _retain_keys(target: Json, patch: Json, path: tuple[str, ...]) -> None:
    if RETAIN_KEYS not in patch:
        return
    kept = patch[RETAIN_KEYS]
    if not isinstance(kept, list) or not all(isinstance(key, str) for key in kept):
        raise _bad(path, f"{RETAIN_KEYS} must be a list of names")
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in kept:
            raise _bad(path, f"{key} is in the patch and not in its {RETAIN_KEYS}")
    for key in target.keys() - set(kept):
        del target[key]


def _merge_member(
    target: Json, key: str, value: Any, field: Field, patch: Json, path: tuple[str, ...]
) -> None:
    here = (*path, key)
    if value is None:
        target.pop(key, None)
    elif isinstance(value, dict):
        _merge_child_object(target, key, value, field, here)
    elif isinstance(value, list) and field.merge:
        live = target.get(key)
        order = patch.get(ELEMENT_ORDER + key)
        target[key] = _merge_list(live if isinstance(live, list) else [], value, field, order, here)
    else:
        target[key] = clone(value)


def _merge_child_object(target: Json, key: str, value: Json, field: Field, path: tuple[str, ...]) -> None:
    live = target.get(key)
    if value.get(DIRECTIVE) == "delete" and not isinstance(live, dict):
        target.pop(key, None)
        return
    merges = isinstance(live, dict) and not field.replace
    target[key] = _merge_object(live if merges and isinstance(live, dict) else {}, value, field.schema, path)


def _merge_list(
    live: list[Any], patch: list[Any], field: Field, order: Any, path: tuple[str, ...]
) -> list[Any]:
    """The merged list in its order. order is the value of $setElementOrder, or None."""
    if not field.merge_key:
        return _merge_scalars(live, patch, order, path)
    items = field.schema.items or ANY
    merge_key = field.merge_key
    for item in patch:
        if not _is_replace(item):
            _item_key(item, merge_key, path)
    start = [] if any(map(_is_replace, patch)) else _without_deleted(live, patch, merge_key)
    merged = _merge_items(list(start), patch, merge_key, items, path)
    live_keys = [_loose_key(item, merge_key) for item in live]
    named = [_loose_key(item, merge_key) for item in patch if item.get(DIRECTIVE, "merge") == "merge"]
    if order is not None:
        named = _order_keys(order, merge_key, named, path)
    return in_order(merged, named, live_keys, lambda item: _loose_key(item, merge_key))


def _merge_items(
    target: list[Any], patch: list[Any], merge_key: str, items: Schema, path: tuple[str, ...]
) -> list[Any]:
    """Merge each item of the patch into the first one with its key, or append it."""
    places = {_loose_key(item, merge_key): place for place, item in reversed(list(enumerate(target)))}
    for item in patch:
        if item.get(DIRECTIVE) in ("delete", "replace"):
            continue
        key = _loose_key(item, merge_key)
        here = (*path, f"[{merge_key}={item[merge_key]}]")
        place = places.get(key)
        if place is None:
            places[key] = len(target)
            target.append(_merge_object({}, item, items, here))
        else:
            target[place] = _merge_object(target[place], item, items, here)
    return target


def _is_replace(item: Any) -> bool:
    return isinstance(item, dict) and item.get(DIRECTIVE) == "replace"


def _without_deleted(live: list[Any], patch: list[Any], merge_key: str) -> list[Any]:
    deleted = {_loose_key(item, merge_key) for item in patch if item.get(DIRECTIVE) == "delete"}
    return [item for item in live if _loose_key(item, merge_key) not in deleted] if deleted else live


def _item_key(item: Any, merge_key: str, path: tuple[str, ...]) -> Hashable:
    """The key of an item of the patch, which must have one."""
    if not isinstance(item, dict):
        raise _bad(path, "the items of this list must be objects")
    if item.get(merge_key) is None:
        raise _bad(path, f'an item lacks the merge key "{merge_key}"')
    return _loose_key(item, merge_key)


def _loose_key(item: Any, merge_key: str) -> Hashable:
    """Keys are compared as text, so that 80 finds "80"; a live item without a key is found by none."""
    value = item.get(merge_key) if isinstance(item, dict) else None
    return None if value is None else str(value)


def _merge_scalars(live: list[Any], patch: list[Any], order: Any, path: tuple[str, ...]) -> list[Any]:
    """A set: no item twice, the patch's in its order."""
    if any(isinstance(item, (dict, list)) for item in patch):
        raise _bad(path, "the items of this list must be scalars")
    named: list[Any] = list(patch) if order is None else _scalar_order(order, patch, path)
    merged = list(dict.fromkeys([*live, *patch]))
    return in_order(merged, named, live, lambda item: item)


def _apply_list_directives(target: Json, patch: Json, schema: Schema, path: tuple[str, ...]) -> None:
    """Deletions, and orders of lists that the patch does not change otherwise; unknown directives are refused."""
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            _delete_scalars(target, key.removeprefix(DELETE_FROM), value, path)
        elif (
            key.startswith("$") and not key.startswith(ELEMENT_ORDER) and key not in (DIRECTIVE, RETAIN_KEYS)
        ):
            raise _bad(path, f"there is no directive {key}")
    for key, value in patch.items():
        if key.startswith(ELEMENT_ORDER):
            _reorder(target, key.removeprefix(ELEMENT_ORDER), value, patch, schema, path)


def _delete_scalars(target: Json, key: str, deleted: Any, path: tuple[str, ...]) -> None:
    if not isinstance(deleted, list):
        raise _bad(path, f"{DELETE_FROM}{key} must be a list")
    live = target.get(key)
    if isinstance(live, list):
        target[key] = [item for item in live if item not in deleted]


def _reorder(target: Json, key: str, order: Any, patch: Json, schema: Schema, path: tuple[str, ...]) -> None:
    field, live = _field(schema, key), target.get(key)
    here = (*path, key)
    if not field.merge:
        raise _bad(here, f"{ELEMENT_ORDER}{key} is for lists that are merged, and this one is replaced")
    if patch.get(key) is not None or not isinstance(live, list):
        if not isinstance(order, list):
            raise _bad(here, f"{ELEMENT_ORDER}{key} must be a list")
        return
    if not field.merge_key:
        target[key] = in_order(live, _scalar_order(order, [], here), live, lambda item: item)
        return
    merge_key = field.merge_key
    live_keys = [_loose_key(item, merge_key) for item in live]
    wanted = _order_keys(order, merge_key, [], here)
    target[key] = in_order(live, wanted, live_keys, lambda item: _loose_key(item, merge_key))


def _scalar_order(order: Any, patch: list[Any], path: tuple[str, ...]) -> list[Any]:
    if not isinstance(order, list) or any(isinstance(item, (dict, list)) for item in order):
        raise _bad(path, "its element order must be a list of scalars")
    _check_order(order, patch, path)
    return order


def _order_keys(order: Any, merge_key: str, named: list[Hashable], path: tuple[str, ...]) -> list[Hashable]:
    if not isinstance(order, list):
        raise _bad(path, "its element order must be a list")
    keys = [_item_key(item, merge_key, path) for item in order]
    _check_order(keys, named, path)
    return keys


def _check_order(order: list[Any], named: list[Any], path: tuple[str, ...]) -> None:
    """What the patch names must be in the order, and in the same order."""
    at = {item: place for place, item in reversed(list(enumerate(order)))}
    places = [at[item] for item in named if item in at]
    if len(places) < len(named) or places != sorted(places):
        raise _bad(path, "the patch and its element order do not name the items in the same order")


def _bad(path: tuple[str, ...], why: str) -> Exception:
    return malformed(f"{'.'.join(path) or 'the patch'}: {why}")
