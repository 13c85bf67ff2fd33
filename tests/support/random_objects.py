# SPDX-License-Identifier: Apache-2.0
"""Random plain data that fits a model of lightkube, with odd values: what a strict decode lets through."""

import types
from datetime import datetime
from random import Random
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from kube import maps
from kube.annotations import QuantityText, field_types, sibling

_TEXTS: Final = (
    "", "a", "web", "A b", "-", "None", "0", "80", "10.0.0.1", "10.0.0.0/8", "fd00::1", "Always", "Never", "TCP", "In",
    "Exists", "RollingUpdate", "Recreate", "Container", "Pod", "NodePort", "ExternalName", "LoadBalancer", "Indexed",
    "Resource", "Utilization", "25%", "Local", "ClientIP", "Ingress", "Approved", "é", "/", "..", "@every 1h", "*",
)  # fmt: skip
_NUMBERS: Final = (-1, 0, 1, 2, 80, 65536, 2**31, 2**40)
_QUANTITIES: Final = ("0", "1", "-1", "500m", "1Gi", "1e3")
_TIME: Final = "2024-05-01T12:00:00Z"


def without_some(obj: Any, random: Random) -> Any:
    """A copy that lacks some fields, required ones too."""
    if isinstance(obj, dict):
        return {name: without_some(value, random) for name, value in obj.items() if random.random() < 0.9}
    return [without_some(item, random) for item in obj] if isinstance(obj, list) else obj


def random_object(model: type[msgspec.Struct], random: Random, depth: int = 7) -> dict[str, Any]:
    """An object of the model: all required fields, and of the others more the nearer they are to the root."""
    types_ = field_types(model)
    made = {}
    for field in msgspec.structs.fields(model):
        if field.required or random.random() < depth / 9:
            made[field.encode_name] = _value(types_[field.name], model, field.name, random, depth - 1)
    return {name: value for name, value in made.items() if value is not None}


def _value(expression: Any, model: type[msgspec.Struct], name: str, random: Random, depth: int) -> Any:
    if isinstance(expression, type) and issubclass(expression, msgspec.Struct):
        return random_object(expression, random, depth)
    origin, arguments = get_origin(expression), get_args(expression)
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not types.NoneType]
        return _value(random.choice(members), model, name, random, depth)
    if origin is list:
        size = random.choice((0, 1, 2)) if depth > 0 else 0
        return [_value(arguments[0], model, name, random, depth) for _ in range(size)]
    if expression is dict or origin is dict:
        return _map(model, name, random, depth)
    return _scalar(expression, random)


def _scalar(expression: Any, random: Random) -> Any:
    if expression is bool:
        return random.random() < 0.5
    if expression in (int, float):
        return random.choice(_NUMBERS)
    if expression is datetime:
        return _TIME
    return random.choice(_QUANTITIES if expression is QuantityText else _TEXTS)


def _map(model: type[msgspec.Struct], name: str, random: Random, depth: int) -> dict[str, Any]:
    kind = maps.value_type(model.__name__, name)
    keys = random.sample(("a", "cpu", "storage", "A b", "example.com/x", ""), random.choice((0, 1, 2)))
    return {key: _map_value(kind, model, random, depth) for key in keys}


def _map_value(kind: str | None, model: type[msgspec.Struct], random: Random, depth: int) -> Any:
    plain: dict[str | None, Any] = {
        maps.QUANTITIES: random.choice((*_QUANTITIES, 1, 0.5)),
        maps.STRINGS: random.choice(_TEXTS),
        maps.STRING_LISTS: [random.choice(_TEXTS)],
        maps.TIMES: _TIME,
        maps.ANYTHING: {"a": 1},
        None: [1, None],
    }
    if kind in plain:
        return plain[kind]
    return random_object(sibling(model, str(kind)), random, depth)
