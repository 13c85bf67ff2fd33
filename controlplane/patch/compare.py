# SPDX-License-Identifier: Apache-2.0
"""Which fields differ between two states of an object: what a write changed, and what it removed.

The grain is that of server-side apply: scalars, atomic objects, maps and lists are one field; other objects and maps
are their fields; items of lists of type set and map are known by value or keys. Null is the same as absent. Equal
parts are skipped at the speed of Python's ==, so that the cost is that of what changed.
"""

from typing import Any, NamedTuple

from controlplane.patch.field_set import FieldSet, difference, union, with_self
from controlplane.patch.path_element import field_step, item_step
from kube.schema import ANY, ListType, Schema, Shape


class Difference(NamedTuple):
    """changed: added or modified; removed: there before and not now. None is the empty set."""

    changed: FieldSet | None = None
    removed: FieldSet | None = None


NOTHING = Difference()
_ADDED = Difference(changed={})
_REMOVED = Difference(removed={})


def compare(schema: Schema, old: Any, new: Any, *, always_there: bool = False) -> Difference:
    """Compare two values of one place; None is an absent value.

    always_there: a list or map whose field is required counts as having been there, as it is in Go's zero value.
    """
    if old is new or old == new:
        return NOTHING
    if old is not None and new is not None and _container(old) is not _container(new):
        return _replaced(schema, [old], [new])
    if is_leaf(schema, old, new):
        return _REMOVED if new is None else _ADDED
    if isinstance(old if new is None else new, list):
        found = _compare_lists(schema, old or [], new or [])
    else:
        found = _compare_objects(schema, old or {}, new or {})
    if new is None:
        return Difference(found.changed, with_self(found.removed))
    if old is None and schema.shape is not Shape.OBJECT and not always_there:
        return Difference(with_self(found.changed), found.removed)
    return found


def _container(value: Any) -> type | None:
    return type(value) if isinstance(value, (dict, list)) else None


def _replaced(schema: Schema, old: list[Any], new: list[Any]) -> Difference:
    """Values that cannot be compared part by part: all is new, and what of the old has no place in it is gone.

    More than one value (duplicates of a step) is one field, because nothing tells their parts from each other's.
    """
    had: FieldSet | None = None
    for value in old:
        had = union(had, compare(schema, value, None).removed)
    has: FieldSet = with_self(compare(schema, None, new[0]).changed) if len(new) == 1 else {}
    return Difference(has, difference(had, has))


def is_leaf(schema: Schema, old: Any, new: Any) -> bool:
    """Whether the two values, of which one may be None, are one field: both empty count as one too."""
    value = old if new is None else new
    if isinstance(value, dict):
        return schema.atomic or schema.shape in (Shape.SCALAR, Shape.LIST) or not (old or new)
    if isinstance(value, list):
        granular = schema.shape is Shape.LIST and schema.list_type is not ListType.ATOMIC
        return not granular or not (old or new)
    return True


def child_schema(schema: Schema, key: str) -> Schema:
    """The schema of a member of an object or map; ANY where nothing is known."""
    if schema.shape is Shape.OBJECT:
        field = schema.fields.get(key)
        return ANY if field is None else field.schema
    return schema.items or ANY


def _compare_objects(schema: Schema, old: dict[str, Any], new: dict[str, Any]) -> Difference:
    changed: FieldSet = {}
    removed: FieldSet = {}
    fields = schema.fields
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if before is after:
            continue
        field = fields.get(key)
        child = child_schema(schema, key) if field is None else field.schema
        found = compare(child, before, after, always_there=field is not None and field.required)
        _add(changed, removed, field_step(key), found)
    return Difference(changed or None, removed or None)


def _add(changed: FieldSet, removed: FieldSet, step: str, found: Difference) -> None:
    if found.changed is not None:
        changed[step] = found.changed
    if found.removed is not None:
        removed[step] = found.removed


def by_step(schema: Schema, items: list[Any]) -> dict[str, list[Any]]:
    """The items of a list of type set or map by their steps. More than one of a step is a duplicate."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(item_step(schema, item), []).append(item)
    return found


def _compare_lists(schema: Schema, old: list[Any], new: list[Any]) -> Difference:
    changed: FieldSet = {}
    removed: FieldSet = {}
    items = schema.items or ANY
    before, after = by_step(schema, old), by_step(schema, new)
    for step in before.keys() | after.keys():
        found = _compare_items(items, before.get(step, []), after.get(step, []))
        _add(changed, removed, step, found)
    return Difference(changed or None, removed or None)


def _compare_items(items: Schema, old: list[Any], new: list[Any]) -> Difference:
    """Duplicates of one step are one field, because nothing tells them apart."""
    if len(old) > 1 or len(new) > 1:
        if not new:
            return Difference(removed=with_self(_replaced(items, old, []).removed))
        return NOTHING if old == new else _replaced(items, old, new)
    if not old:
        return Difference(changed=with_self(compare(items, None, new[0]).changed))
    if not new:
        return Difference(removed=with_self(compare(items, old[0], None).removed))
    return compare(items, old[0], new[0])
