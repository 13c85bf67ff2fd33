# SPDX-License-Identifier: Apache-2.0
"""Quantities in an object as Kubernetes stores them: "1000m" is "1", "1024Mi" is "1Gi", 0.5 is "500m".

Which fields are quantities is said by the schema of the model. Most of an object holds none and is not looked at.
"""

from functools import cache
from typing import Any

from kube.quantity import parse
from kube.schema import Scalar, Schema, Shape


def canonical_quantities(schema: Schema, value: Any) -> Any:
    """The value with its quantities rewritten; objects, maps and lists are changed in place.

    The value has been checked against the schema. Raises QuantityError for what is no quantity.
    """
    if schema.scalar is Scalar.QUANTITY:
        return str(parse(value))
    if isinstance(value, dict):
        for name, place in _places(schema, value):
            value[name] = canonical_quantities(place, value[name])
    elif isinstance(value, list) and schema.items is not None and _holds(schema.items):
        value[:] = [canonical_quantities(schema.items, item) for item in value]
    return value


def _places(schema: Schema, value: dict[str, Any]) -> list[tuple[str, Schema]]:
    """The members that are quantities or hold some."""
    if schema.shape is Shape.MAP:
        items = schema.items
        return [(name, items) for name in value] if items is not None and _holds(items) else []
    return [(name, place) for name, place in _holders(schema) if value.get(name) is not None]


@cache
def _holders(schema: Schema) -> tuple[tuple[str, Schema], ...]:
    return tuple((name, field.schema) for name, field in schema.fields.items() if _holds(field.schema))


@cache
def _holds(schema: Schema) -> bool:
    """Whether a quantity may be somewhere below; types may refer to each other in circles."""
    waiting, seen = [schema], {id(schema)}
    while waiting:
        found = waiting.pop()
        if found.scalar is Scalar.QUANTITY:
            return True
        below = [field.schema for field in found.fields.values()]
        below += [found.items] if found.items is not None else []
        for each in below:
            if id(each) not in seen:
                seen.add(id(each))
                waiting.append(each)
    return False
