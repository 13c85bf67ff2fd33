# SPDX-License-Identifier: Apache-2.0
"""Plain data, as YAML and JSON give it, into lightkube's models, with every fault found at once.

    decoded = decode(core_v1.PodSpec, {"container": []})
    decoded.value       # None, because a required field is missing
    decoded.problems    # container: unknown field, and what it may have meant; containers: required

Everything is derived from the models' annotations, once for each type. Null is the same as absent, as in the
API. Values of maps of objects are checked and stay plain, as lightkube itself leaves them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec

from kube import maps
from kube.annotations import QuantityText, alternatives, field_types, sibling
from kube.problem import FieldProblem, Path, ProblemKind, required
from kube.scalars import (
    BAD,
    SCALARS,
    Decode,
    Problems,
    Shape,
    anything,
    integer_or_string,
    time,
    unknown_field,
    wrong_type,
)

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """The outcome. `value` is None when a value is of the wrong type or a required one is missing.

    Unknown fields alone do not stand in the way of `value`: it is the object without them, and whether they
    are refused, warned of or ignored is the caller's choice. `best_effort` is always an object: what is wrong
    is left out, and zero values stand where something is required, so that further checks can find more.
    """

    value: T | None
    problems: tuple[FieldProblem, ...]
    best_effort: T


def decode(model: type[T], data: object) -> Decoded[T]:
    """Decode an object of this model; never raises for what is in data."""
    problems: Problems = []
    decoder = _decoder_of(model)
    try:
        made = decoder(data, (), problems)
    except RecursionError:
        problems.append(FieldProblem((), "the object is nested too deeply", kind=ProblemKind.TYPE))
        made = BAD
    best_effort = decoder.zero() if made is BAD else made
    only_unknown = all(problem.kind is ProblemKind.UNKNOWN for problem in problems)
    return Decoded(best_effort if only_unknown else None, tuple(problems), best_effort)


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    decode: Decode


class _StructDecoder:
    """Decodes one model. Its fields are worked out at first use: models refer to each other in circles."""

    def __init__(self, model: type[msgspec.Struct]) -> None:
        self._model = model

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        types_ = field_types(self._model)
        return {name: _shape(types_[name], self._model, name) for name in self._model.__struct_fields__}

    @cached_property
    def _fields(self) -> dict[str, _Field]:
        names = zip(self._model.__struct_encode_fields__, self._model.__struct_fields__, strict=True)
        return {encoded: _Field(name, self._shapes[name][0]) for encoded, name in names}

    @cached_property
    def _required(self) -> list[tuple[str, str, Callable[[], Any]]]:
        fields = msgspec.structs.fields(self._model)
        return [(f.encode_name, f.name, self._shapes[f.name][1]) for f in fields if f.required]

    def __call__(self, value: object, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.append(wrong_type(path, "an object", value))
            return BAD
        made = {}
        fields = self._fields
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                problems.append(unknown_field((*path, key), fields, suggest=len(problems) < 50))
            elif item is not None:
                result = field.decode(item, (*path, key), problems)
                if result is not BAD:
                    made[field.attribute] = result
        for encoded, name, zero in self._required:
            if name not in made:
                if value.get(encoded) is None:
                    problems.append(required((*path, encoded)))
                made[name] = zero()
        return self._model(**made)

    def zero(self) -> Any:
        """An object with nothing but zero values where something is required."""
        return self._model(**{name: zero() for _, name, zero in self._required})


@cache
def _decoder_of(model: type[msgspec.Struct]) -> _StructDecoder:
    return _StructDecoder(model)


def _shape(expression: Any, model: type[msgspec.Struct], field: str) -> Shape:
    """How a field of this type is decoded."""
    if expression in SCALARS:
        return SCALARS[expression]
    if isinstance(expression, type) and issubclass(expression, msgspec.Struct):
        decoder = _decoder_of(expression)
        return decoder, decoder.zero
    members = alternatives(expression)
    if members != [expression]:
        return _union_shape(members, model, field)
    origin, arguments = get_origin(expression), get_args(expression)
    if origin is list:
        return _list_of(_shape(arguments[0], model, field)[0]), list
    if expression is dict:
        return _map_of(_value_decoder(model, field)), dict
    if origin is dict:  # a bare typing.Dict: RawExtension and the like, objects of any content
        return _map_of(anything), dict
    raise TypeError(f"cannot decode {model.__name__}.{field}: no decoder for its type {expression!r}")


def _union_shape(members: list[Any], model: type[msgspec.Struct], field: str) -> Shape:
    if set(members) == {int, str}:
        return integer_or_string, int
    if len(members) != 1:
        raise TypeError(f"cannot decode {model.__name__}.{field}: it may be any of {members!r}")
    return _shape(members[0], model, field)


def _value_decoder(model: type[msgspec.Struct], field: str) -> Decode:
    """The decoder of the values of a map; see kube.maps."""
    named = maps.value_type(model.__name__, field)
    known: dict[str | None, Decode] = {
        maps.STRINGS: SCALARS[str][0],
        maps.QUANTITIES: SCALARS[QuantityText][0],
        maps.STRING_LISTS: _list_of(SCALARS[str][0]),
        maps.TIMES: _kept_plain(time),
        maps.ANYTHING: anything,
        None: anything,
    }
    return known.get(named) or _kept_plain(_decoder_of(sibling(model, str(named))))


def _list_of(decode_item: Decode) -> Decode:
    def decode_list(value: object, path: Path, problems: Problems) -> Any:
        if not isinstance(value, list):
            problems.append(wrong_type(path, "a list", value))
            return BAD
        items = [decode_item(item, (*path, index), problems) for index, item in enumerate(value)]
        return [item for item in items if item is not BAD]

    return decode_list


def _map_of(decode_value: Decode) -> Decode:
    def decode_map(value: object, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.append(wrong_type(path, "an object", value))
            return BAD
        made = {}
        for key, item in value.items():
            if type(key) is not str:
                problems.append(wrong_type((*path, str(key)), "a string as the key", key))
            elif (result := decode_value(item, (*path, key), problems)) is not BAD:
                made[key] = result
        return made

    return decode_map


def _kept_plain(decode_value: Decode) -> Decode:
    """Check a value, and give back plain data without what was unknown in it."""

    def decode_plain(value: object, path: Path, problems: Problems) -> Any:
        made = decode_value(value, path, problems)
        return BAD if made is BAD else msgspec.to_builtins(made)

    return decode_plain
