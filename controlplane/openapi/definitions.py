# SPDX-License-Identifier: Apache-2.0
"""The definition of a type, from its schema: JSON schema with the extensions that kubectl reads.

x-kubernetes-patch-strategy and -patch-merge-key drive client-side apply, x-kubernetes-list-type, -list-map-keys and
-map-type tell how server-side apply merges, descriptions are what `kubectl explain` prints.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controlplane.openapi import names
from controlplane.openapi.formats import formats_of
from kube.schema import Field, Scalar, Schema, Shape, schema_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the two versions of OpenAPI differ in schemas.

    prefix is that of a reference. OpenAPI 3.0 has nothing beside a $ref: with `wraps`, what stands beside one (its
    description) goes around it.
    """

    prefix: str
    wraps: bool

    def reference(self, name: str) -> Json:
        """A reference to a definition."""
        return {"$ref": f"{self.prefix}{name}"}

    def described(self, description: str, schema: Json) -> Json:
        """A schema with a description of its place."""
        if not description:
            return schema
        if self.wraps and "$ref" in schema:
            return {"description": description, "allOf": [schema]}
        return {"description": description, **schema}


V2: Final = Dialect("#/definitions/", wraps=False)
V3: Final = Dialect("#/components/schemas/", wraps=True)

# Types that are no objects and have no model.
LEAVES: Final[Mapping[str, Json]] = {
    names.QUANTITY: {
        "description": "An amount: a decimal number with a decimal (k, M, G...), binary (Ki, Mi, Gi...) or exponent "
        "suffix, such as 250m, 1.5Gi or 1e3.",
        "type": "string",
    },
    names.INT_OR_STRING: {
        "description": "A whole number, or a text: a port's number or its name, a count or a percentage.",
        "type": "string",
        "format": "int-or-string",
    },
    names.TIME: {
        "description": "A moment in RFC 3339, to the second.",
        "type": "string",
        "format": "date-time",
    },
    names.MICRO_TIME: {
        "description": "A moment in RFC 3339, to the microsecond.",
        "type": "string",
        "format": "date-time",
    },
    names.FIELDS_V1: {
        "description": "A set of fields as a tree: f:<name> of a field, k:<keys> and v:<value> of an item, i:<index>.",
        "type": "object",
    },
    names.RAW_EXTENSION: {"description": "An object of any kind.", "type": "object"},
    names.PATCH: {
        "description": "A change, in the format that the request's Content-Type names.",
        "type": "object",
    },
}
# What OpenAPI 3.0 says of those that are of one type or another, and `explain` then shows by name.
_EITHER: Final[Mapping[str, tuple[str, str]]] = {
    names.QUANTITY: ("string", "number"),
    names.INT_OR_STRING: ("integer", "string"),
}
# kubectl's explain takes an empty schema for a missing one.
ANY_VALUE: Final[Json] = {"x-kubernetes-preserve-unknown-fields": True}
# Objects that are not described further, by lightkube's annotation.
_OPAQUE: Final = {"FieldsV1": names.FIELDS_V1, "RawExtension": names.RAW_EXTENSION}
_SCALARS: Final[Mapping[Scalar, Json]] = {
    Scalar.STRING: {"type": "string"},
    Scalar.INTEGER: {"type": "integer"},
    Scalar.NUMBER: {"type": "number"},
    Scalar.BOOLEAN: {"type": "boolean"},
}
_NAMED: Final[Mapping[Scalar, str]] = {
    Scalar.QUANTITY: names.QUANTITY,
    Scalar.INT_OR_STRING: names.INT_OR_STRING,
    Scalar.TIME: names.TIME,
}


def definition(model: type[msgspec.Struct], kinds: Iterable[Json], dialect: Dialect) -> Json:
    """The definition of a model; kinds are what goes into x-kubernetes-group-version-kind."""
    schema = schema_of(model)
    made: Json = {"description": schema.description(), "type": "object"}
    told = {name: schema.description(name) for name in schema.fields}
    formats = formats_of(model)
    properties = {
        name: dialect.described(told[name], {**place, **_merging(field)})
        for name, field in schema.fields.items()
        for place in [_of(field.schema, schema, field, dialect, formats.get(name, ""))]
    }
    if properties:
        made["properties"] = properties
    if required := sorted(name for name, field in schema.fields.items() if field.required):
        made["required"] = required
    if found := list(kinds):
        made["x-kubernetes-group-version-kind"] = found
    if schema.atomic:
        made["x-kubernetes-map-type"] = "atomic"
    return made


def leaf(name: str, dialect: Dialect) -> Json:
    """The definition of one of LEAVES."""
    told = LEAVES[name]
    if not dialect.wraps or name not in _EITHER:
        return told
    rest = {key: value for key, value in told.items() if key != "type"}
    return {**rest, "oneOf": [{"type": each} for each in _EITHER[name]]}


def reachable(models: Iterable[type[msgspec.Struct]]) -> tuple[dict[str, type[msgspec.Struct]], set[str]]:
    """Everything that these models refer to, themselves included: models by definition name, and names of leaves."""
    found: dict[str, type[msgspec.Struct]] = {}
    leaves: set[str] = set()
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        name = names.definition_name(model)
        if name in found:
            continue
        found[name] = model
        schema = schema_of(model)
        for field in schema.fields.values():
            inner = _innermost(field.schema)
            if inner.model is not None:
                waiting.append(inner.model)
            elif named := _leaf(schema, field, inner):
                leaves.add(named)
    return found, leaves


def _innermost(place: Schema) -> Schema:
    """What a list or map holds in the end."""
    while place.items is not None:
        place = place.items
    return place


def _of(place: Schema, owner: Schema, field: Field, dialect: Dialect, format_: str) -> Json:
    if place.model is not None:
        return dialect.reference(names.definition_name(place.model))
    if place.shape is Shape.LIST and place.items is not None:
        return {"type": "array", "items": _of(place.items, owner, field, dialect, format_)}
    if place.shape is Shape.MAP and place.items is not None:
        return {"type": "object", "additionalProperties": _of(place.items, owner, field, dialect, format_)}
    if named := _leaf(owner, field, place):
        return dialect.reference(named)
    if place.scalar is not None:
        return {**_SCALARS[place.scalar], **({"format": format_} if format_ else {})}
    # A custom resource's default may be any JSON value, everything else that is not typed is an object.
    return ANY_VALUE if "JSON" in _annotation(owner, field) else {"type": "object"}


def _leaf(owner: Schema, field: Field, place: Schema) -> str:
    """The name of the definition of a scalar or an opaque object that has one, or ""."""
    if place.scalar is None:
        told = _annotation(owner, field)
        return next((name for word, name in _OPAQUE.items() if word in told), "")
    if place.scalar is Scalar.TIME and "MicroTime" in _annotation(owner, field):
        return names.MICRO_TIME
    return _NAMED.get(place.scalar, "")


def _annotation(owner: Schema, field: Field) -> str:
    """The field's type as lightkube writes it, which tells aliases apart that are one type in Python."""
    return str(getattr(owner.model, "__annotations__", {}).get(field.attribute, ""))


def _merging(field: Field) -> Json:
    """How patches and server-side apply treat a field."""
    made: Json = {}
    words = ("merge", field.merge), ("replace", field.replace), ("retainKeys", field.retain_keys)
    if strategies := [word for word, is_set in words if is_set]:
        made["x-kubernetes-patch-strategy"] = ",".join(strategies)
    if field.merge_key:
        made["x-kubernetes-patch-merge-key"] = field.merge_key
    if field.schema.shape is Shape.LIST:
        made["x-kubernetes-list-type"] = field.schema.list_type.value
        if field.schema.list_map_keys:
            made["x-kubernetes-list-map-keys"] = list(field.schema.list_map_keys)
    if field.schema.shape is Shape.MAP and field.schema.atomic:
        made["x-kubernetes-map-type"] = "atomic"
    return made
