# SPDX-License-Identifier: Apache-2.0
"""The types of the Kubernetes API as values to walk: what patches, apply, OpenAPI and `explain` are driven by.

    pod = schema_of(core_v1.Pod)
    containers = pod.fields["spec"].schema.fields["containers"]
    containers.schema.shape            # Shape.LIST
    containers.schema.list_type        # ListType.MAP, by list_map_keys ("name",)
    containers.merge_key               # "name", for strategic merge
    containers.schema.items.model      # core_v1.Container

Everything is derived from the annotations of lightkube's models and the tables of kube.maps and kube.merge_keys,
at first use and then kept: types refer to each other in circles, and most are never asked for. Equal schemas of
models are the same object. A kind without a model (a custom resource) makes its own with Schema(...).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args, get_origin

import msgspec

from kube import maps, merge_keys
from kube.annotations import QuantityText, alternatives, declared, field_types, sibling
from kube.descriptions import descriptions_of


class Shape(StrEnum):
    """What JSON value belongs at a place. ANY is not typed further (RawExtension, JSON)."""

    SCALAR = "scalar"
    OBJECT = "object"
    MAP = "map"
    LIST = "list"
    ANY = "any"


class Scalar(StrEnum):
    """Which scalar. In JSON, QUANTITY and TIME are strings; INT_OR_STRING is one of the two."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INT_OR_STRING = "int-or-string"
    QUANTITY = "quantity"
    TIME = "time"


class ListType(StrEnum):
    """Who owns a list in server-side apply: one manager the whole, or one each item, known by value or by keys."""

    ATOMIC = "atomic"
    SET = "set"
    MAP = "map"


class Field(NamedTuple):
    """A field of an object.

    name is as in JSON, attribute as in the model. merge, replace, retain_keys and merge_key are the patch strategy
    and patch merge key of strategic merge patch; a list without merge is replaced, an object or map is merged.
    """

    name: str
    attribute: str
    schema: "Schema"
    required: bool = False
    merge: bool = False
    replace: bool = False
    retain_keys: bool = False
    merge_key: str = ""


_NO_FIELDS: Final[Mapping[str, Field]] = MappingProxyType({})
_NO_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({})


class Schema:
    """The type of one place in an object. Compare with `is`; do not change."""

    __slots__ = (
        "_fields",
        "_load",
        "atomic",
        "items",
        "key_defaults",
        "list_map_keys",
        "list_type",
        "model",
        "scalar",
        "shape",
    )

    def __init__(
        self,
        shape: Shape,
        *,
        scalar: Scalar | None = None,
        items: "Schema | None" = None,
        list_type: ListType = ListType.ATOMIC,
        list_map_keys: tuple[str, ...] = (),
        key_defaults: Mapping[str, Any] = _NO_DEFAULTS,
        atomic: bool = False,
        model: type[msgspec.Struct] | None = None,
        load: Callable[[], Mapping[str, Field]] | None = None,
    ) -> None:
        """The schema of a place.

        items: of a list's items or a map's values. key_defaults: values of list map keys that items may leave out.
        atomic: an OBJECT or MAP that server-side apply owns as a whole. load gives the fields of an OBJECT when
        they are first asked for.
        """
        self.shape = shape
        self.scalar = scalar
        self.items = items
        self.list_type = list_type
        self.list_map_keys = list_map_keys
        self.key_defaults = key_defaults
        self.atomic = atomic
        self.model = model
        self._load = load
        self._fields: Mapping[str, Field] | None = None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of an OBJECT by their JSON names; of anything else, none."""
        if self._fields is None:
            self._fields = _NO_FIELDS if self._load is None else self._load()
        return self._fields

    @property
    def type_name(self) -> str:
        """The model as "core_v1.Pod"; "" when there is none."""
        return "" if self.model is None else type_name(self.model)

    def description(self, field: str = "") -> str:
        """What the API says about this type, or about the field of this JSON name; read anew at every call."""
        if self.model is None:
            return ""
        told = descriptions_of(self.model)
        return told.fields.get(self.fields[field].attribute, "") if field else told.text

    def __repr__(self) -> str:
        return f"<Schema {self.type_name or self.scalar or self.shape}>"


ANY: Final = Schema(Shape.ANY)
_SCALARS: Final[dict[Any, Schema]] = {
    str: Schema(Shape.SCALAR, scalar=Scalar.STRING),
    int: Schema(Shape.SCALAR, scalar=Scalar.INTEGER),
    float: Schema(Shape.SCALAR, scalar=Scalar.NUMBER),
    bool: Schema(Shape.SCALAR, scalar=Scalar.BOOLEAN),
    datetime: Schema(Shape.SCALAR, scalar=Scalar.TIME),
    QuantityText: Schema(Shape.SCALAR, scalar=Scalar.QUANTITY),
    Any: ANY,
}
_INT_OR_STRING: Final = Schema(Shape.SCALAR, scalar=Scalar.INT_OR_STRING)


def schema_of(model: type[msgspec.Struct]) -> Schema:
    """The schema of objects of a model of lightkube.models, or of a resource class derived from one."""
    base = declared(model)
    return _object(base, merge_keys.is_atomic_type(type_name(base)))


def type_name(model: type[msgspec.Struct]) -> str:
    """A model as kube.merge_keys names it: "core_v1.Pod"."""
    return f"{model.__module__.rpartition('.')[2]}.{model.__name__}"


@cache
def _object(model: type[msgspec.Struct], atomic: bool) -> Schema:  # noqa: FBT001 - a key of the cache
    return Schema(
        Shape.OBJECT,
        atomic=atomic,
        model=model,
        key_defaults=merge_keys.key_defaults(type_name(model)),
        load=lambda: _fields_of(model),
    )


def _fields_of(model: type[msgspec.Struct]) -> Mapping[str, Field]:
    types = field_types(model)
    return {
        field.encode_name: _field(model, field, types[field.name]) for field in msgspec.structs.fields(model)
    }


def _field(model: type[msgspec.Struct], field: msgspec.structs.FieldInfo, expression: Any) -> Field:
    told = merge_keys.treatment(type_name(model), field.encode_name)
    schema = _place(expression, model, field.encode_name, field.name)
    strategies = told.strategies
    return Field(
        field.encode_name,
        field.name,
        schema,
        field.required,
        merge="merge" in strategies,
        replace="replace" in strategies,
        retain_keys="retainKeys" in strategies,
        merge_key=told.merge_key,
    )


def _place(expression: Any, model: type[msgspec.Struct], name: str, attribute: str) -> Schema:
    """The schema of a field of this type."""
    members = alternatives(expression)
    if len(members) > 1:
        return _INT_OR_STRING if set(members) == {int, str} else ANY
    (only,) = members
    if only in _SCALARS:
        return _SCALARS[only]
    if isinstance(only, type) and issubclass(only, msgspec.Struct):
        atomic = merge_keys.field_atomicity(type_name(model), name)
        return schema_of(only) if atomic is None else _object(only, atomic)
    if get_origin(only) is list:
        return _list(_place(get_args(only)[0], model, name, attribute), model, name)
    return _map(model, name, attribute)


def _list(items: Schema, model: type[msgspec.Struct], name: str) -> Schema:
    """A list whose type is not told is known by its merge key, as the structured merge of apply takes it."""
    told = merge_keys.treatment(type_name(model), name)
    list_type, keys = ListType(told.list_type or ListType.ATOMIC), told.list_map_keys
    if not told.list_type and "merge" in told.strategies:
        list_type, keys = (ListType.MAP, (told.merge_key,)) if told.merge_key else (ListType.SET, ())
    return Schema(
        Shape.LIST, items=items, list_type=list_type, list_map_keys=keys, key_defaults=items.key_defaults
    )


def _map(model: type[msgspec.Struct], name: str, attribute: str) -> Schema:
    named = maps.value_type(model.__name__, attribute)
    strings = _SCALARS[str]
    values: dict[str | None, Schema] = {
        maps.STRINGS: strings,
        maps.QUANTITIES: _SCALARS[QuantityText],
        maps.STRING_LISTS: Schema(Shape.LIST, items=strings),
        maps.TIMES: _SCALARS[datetime],
    }
    if named in (maps.ANYTHING, None):
        return ANY
    items = values.get(named) or schema_of(sibling(model, str(named)))
    return Schema(Shape.MAP, items=items, atomic=bool(merge_keys.field_atomicity(type_name(model), name)))
