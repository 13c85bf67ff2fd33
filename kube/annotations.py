# SPDX-License-Identifier: Apache-2.0
"""The types of a lightkube model's fields, read from its annotations.

msgspec's own resolution is not used for two reasons. `resource.Quantity` is a mere alias of str there, and
the difference between a text and an amount would be lost. And it looks names up in the class first, so that
in DeviceAttribute, which has a field named `bool`, the type of that name is hidden.
"""

import inspect
import sys
import types
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, Union, get_args, get_origin

import msgspec


class QuantityText(str):
    """Stands for `resource.Quantity` in resolved annotations."""

    __slots__ = ()


_UNIONS: Final = (Union, types.UnionType)
_SHADOWS: Final = {"resource": SimpleNamespace(Quantity=QuantityText)}


def field_types(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Attribute name -> resolved type, for all fields of a model and its bases."""
    found: dict[str, Any] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, msgspec.Struct) and owner is not msgspec.Struct:
            names = _names(owner.__module__)
            found |= inspect.get_annotations(owner, globals=names, locals={}, eval_str=True)
    return found


def alternatives(expression: Any) -> list[Any]:
    """The types that a value may be of, null aside: the members of a union, or the type itself."""
    if get_origin(expression) not in _UNIONS:
        return [expression]
    return [member for member in get_args(expression) if member is not types.NoneType]


def declared(model: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The class of lightkube.models that a model is or derives from; itself when there is none."""
    return next((owner for owner in model.__mro__ if owner.__module__.startswith("lightkube.models.")), model)


def sibling(model: type[msgspec.Struct], name: str) -> type[msgspec.Struct]:
    """The model of this name that lives beside another one."""
    found = vars(sys.modules[model.__module__])[name]
    if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
        raise TypeError(f"{model.__module__}.{name} is no model")
    return found


@cache
def _names(module: str) -> dict[str, Any]:
    """What the annotations of this module may mention."""
    return {**vars(sys.modules[module]), **_SHADOWS}
