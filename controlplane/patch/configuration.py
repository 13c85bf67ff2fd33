# SPDX-License-Identifier: Apache-2.0
"""What an applied configuration lists: the set of fields that its manager will own, and whether it fits the types.

A configuration is a part of an object: nothing is required, but what is there must be known, of its type, and items
of maps must be told apart by their keys.
"""

from typing import Any, Final

from controlplane.errors import ApiError, bad_request
from controlplane.patch.compare import by_step, child_schema
from controlplane.patch.field_set import FieldSet, with_self
from controlplane.patch.path_element import field_step, path_text
from controlplane.patch.plain import MAX_DEPTH, Json, depth
from kube.schema import ANY, ListType, Scalar, Schema, Shape

_MAX_PROBLEMS: Final = 10
_TYPES: Final[dict[Scalar, tuple[type, ...]]] = {
    Scalar.STRING: (str,),
    Scalar.INTEGER: (int,),
    Scalar.NUMBER: (int, float),
    Scalar.BOOLEAN: (bool,),
    Scalar.INT_OR_STRING: (int, str),
    Scalar.QUANTITY: (str, int, float),
    Scalar.TIME: (str,),
}

Path = tuple[str, ...]
Problems = list[str]


def without_nulls(value: Any) -> Any:
    """A copy without null members: null in a configuration is the same as not listed."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def require_shallow(applied: Json) -> None:
    """Raise ApiError 400 when a configuration is nested too deeply to be walked."""
    if depth(applied) > MAX_DEPTH:
        raise bad_request(f"cannot apply the configuration: it is nested deeper than {MAX_DEPTH} levels")


def listed(schema: Schema, config: Json) -> FieldSet | None:
    """The fields that a configuration without nulls lists; None when it lists none. Raises ApiError 400."""
    problems: Problems = []
    found = _listed(schema, config, (), problems) if config else None
    if problems:
        raise _refusal(problems)
    return found


def _listed(schema: Schema, value: Any, path: Path, problems: Problems) -> FieldSet | None:
    if isinstance(value, dict) and schema.shape in (Shape.OBJECT, Shape.MAP, Shape.ANY):
        return _members(schema, value, path, problems)
    if isinstance(value, list) and schema.shape is Shape.LIST:
        return _items(schema, value, path, problems)
    if not _fits(schema, value):
        problems.append(f"{path_text(path)}: expected {_expected(schema)}")
    return {}


def _members(schema: Schema, value: Json, path: Path, problems: Problems) -> FieldSet | None:
    found: FieldSet = {}
    for key, item in value.items():
        step = field_step(key)
        here = (*path, step)
        if schema.shape is Shape.OBJECT and key not in schema.fields:
            problems.append(f"{path_text(here)}: field not declared in schema")
            continue
        node = _listed(child_schema(schema, key), item, here, problems)
        if schema.shape is not Shape.OBJECT:
            node = with_self(node)
        if node is not None:
            found[step] = node
    if schema.atomic or not value:
        return {}
    return found or None


def _items(schema: Schema, value: list[Any], path: Path, problems: Problems) -> FieldSet | None:
    items = schema.items or ANY
    if schema.list_type is ListType.ATOMIC or not value:
        for place, item in enumerate(value):
            _listed(items, item, (*path, f"v:{place}"), problems)
        return {}
    if not _can_be_told_apart(schema, value, path, problems):
        return None
    found: FieldSet = {}
    for step, (item, *more) in by_step(schema, value).items():
        here = (*path, step)
        if more:
            problems.append(f"{path_text(path)}: duplicate entries for key {path_text((step,))}")
        found[step] = with_self(_listed(items, item, here, problems))
    return found or None


def _can_be_told_apart(schema: Schema, value: list[Any], path: Path, problems: Problems) -> bool:
    before = len(problems)
    for place, item in enumerate(value):
        if schema.list_type is ListType.SET:
            if isinstance(item, list) or item is None:
                problems.append(
                    f"{path_text(path)}: element {place}: the items of a set must be scalars or objects"
                )
        elif not isinstance(item, dict):
            problems.append(f"{path_text(path)}: element {place}: expected an object")
        else:
            problems.extend(
                f"{path_text(path)}: element {place}: associative list with keys has an element that omits key "
                f'field "{key}" (and doesn\'t have default value)'
                for key in schema.list_map_keys
                if key not in item and key not in schema.key_defaults
            )
    return len(problems) == before


def _fits(schema: Schema, value: Any) -> bool:
    if schema.shape is Shape.ANY:
        return True
    if schema.scalar is None:
        return False
    types = _TYPES[schema.scalar]
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _expected(schema: Schema) -> str:
    if schema.scalar is not None:
        return schema.scalar.value
    return "a list" if schema.shape is Shape.LIST else "an object"


def _refusal(problems: Problems) -> ApiError:
    more = f" and {len(problems) - _MAX_PROBLEMS} more" if len(problems) > _MAX_PROBLEMS else ""
    return bad_request(f"cannot apply the configuration: {'; '.join(problems[:_MAX_PROBLEMS])}{more}")
