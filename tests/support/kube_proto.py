# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' protobuf encoding the other way round, as Go's generated code writes it, and objects to encode."""

import base64
import string
import struct
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from controlplane.protobuf.tables import INLINE, Field, Message, Shape, Zero, message

Json = dict[str, Any]
MAGIC = b"k8s\x00"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def chunk(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def known(name: str) -> Message:
    found = message(name)
    assert found is not None, name
    return found


def envelope(api_version: str, kind: str, raw: bytes, encoding: str = "", media: str = "") -> bytes:
    types = chunk(1, api_version.encode()) + chunk(2, kind.encode())
    return MAGIC + chunk(1, types) + chunk(2, raw) + chunk(3, encoding.encode()) + chunk(4, media.encode())


def encode(name: str, obj: Json) -> bytes:
    """A message with all its fields that are no pointers, set or not."""
    return b"".join(_field(at, field, obj) for at, field in known(name).fields.items())


def _field(at: int, field: Field, obj: Json) -> bytes:
    if field.name == INLINE:
        return chunk(at, encode(field.message, obj))
    value = obj.get(field.name)
    if field.shape is Shape.LIST:
        return b"".join(_one(at, field, each) for each in value or ())
    if field.shape is Shape.MAP:
        entries = (value or {}).items()
        return b"".join(chunk(at, chunk(1, key.encode()) + _one(2, field, each)) for key, each in entries)
    return b"" if value is None and field.zero is Zero.SET else _one(at, field, value)


def _one(at: int, field: Field, value: Any) -> bytes:
    if field.message:
        return chunk(at, encode(field.message, value or {}))
    if field.type in ("int32", "int64", "bool"):
        return number(at, int(value or 0))
    if field.type == "double":
        return varint(at << 3 | 1) + struct.pack("<d", value or 0.0)
    return chunk(at, _ENCODED[field.type](value))


def _time(value: str | None) -> bytes:
    if value is None:
        return b""
    passed = datetime.fromisoformat(value) - EPOCH
    return number(1, passed.days * 86400 + passed.seconds) + number(2, passed.microseconds * 1000)


def _int_or_string(value: int | str | None) -> bytes:
    is_text = isinstance(value, str)
    text = value.encode() if isinstance(value, str) else b""
    return number(1, int(is_text)) + number(2, 0 if isinstance(value, str) else value or 0) + chunk(3, text)


_ENCODED: dict[str, Any] = {
    "string": lambda value: (value or "").encode(),
    "bytes": lambda value: base64.b64decode(value or ""),
    "Time": _time,
    "MicroTime": _time,
    "Quantity": lambda value: chunk(1, (value or "0").encode()),
    "IntOrString": _int_or_string,
    "Raw": lambda value: b"" if value is None else chunk(1, msgspec.json.encode(value)),
    "Strings": lambda value: b"".join(chunk(1, each.encode()) for each in value),
}

_NAMES = st.text(alphabet=string.ascii_lowercase + "é/-.", max_size=6)
_MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).filter(
    lambda moment: moment.replace(microsecond=0) != EPOCH
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=6),
    "bytes": st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode()),
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "Time": _MOMENTS.map(lambda moment: moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")),
    "MicroTime": _MOMENTS.map(lambda m: m.isoformat(timespec="microseconds").replace("+00:00", "Z")),
    "Quantity": st.sampled_from(["1", "250m", "1Gi", "-3"]),
    "IntOrString": st.one_of(st.integers(-(2**31), 2**31 - 1), st.text(max_size=5)),
    "Raw": st.dictionaries(_NAMES, st.one_of(st.integers(0, 9), st.text(max_size=3)), max_size=2),
    "Strings": st.lists(st.text(max_size=4), max_size=3),
}
_ZEROS: dict[str, Any] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0, "double": 0.0}


@st.composite
def objects(draw: st.DrawFn, name: str, depth: int = 4) -> Json:
    """An object of this message as JSON has it: what is not set is not there."""
    return _draw(draw, name, depth)[0]


def _draw(draw: st.DrawFn, name: str, depth: int) -> tuple[Json, bool]:
    """The object, and whether it says anything: whether a field of it was set, or is not zero."""
    made: Json = {}
    says = False
    for field in known(name).fields.values():
        wanted = depth > 0 and draw(st.integers(0, 3)) == 0
        if field.name == INLINE:
            inner, inner_says = _draw(draw, field.message, depth)
            made, says = made | inner, says or inner_says
        elif field.shape is not Shape.ONE:
            says |= _draw_several(draw, field, depth, made, wanted=wanted)
        else:
            says |= _draw_one(draw, field, depth, made, wanted=wanted)
    return made, says


def _draw_several(draw: st.DrawFn, field: Field, depth: int, made: Json, *, wanted: bool) -> bool:
    count = draw(st.integers(1, 2)) if wanted else 0
    items = [_value(draw, field, depth - 1)[0] for _ in range(count)]
    if items or field.zero is Zero.SHOWN:
        is_list = field.shape is Shape.LIST
        made[field.name] = items if is_list else {draw(_NAMES): item for item in items}
    return bool(items)


def _draw_one(draw: st.DrawFn, field: Field, depth: int, made: Json, *, wanted: bool) -> bool:
    if wanted:
        value, says = _value(draw, field, depth - 1)
    elif field.zero is Zero.SHOWN:
        value, says = _zero(field), False
    else:
        return False
    if value is None or (field.zero is Zero.NOTHING and not says):
        return False
    made[field.name] = value
    return says or field.zero is Zero.SET


def _value(draw: st.DrawFn, field: Field, depth: int) -> tuple[Any, bool]:
    if field.message:
        return _draw(draw, field.message, depth)
    value = draw(_VALUES[field.type])
    return value, bool(value) and not (field.type == "Quantity" and value == "0")


def _zero(field: Field) -> Any:
    """What JSON has for a field that is not a pointer, was not set, and is not left out either."""
    if field.message:
        told = known(field.message).fields.values()
        shown = [each for each in told if each.zero is Zero.SHOWN]
        made = {each.name: _zero(each) if each.shape is Shape.ONE else [] for each in shown}
        return {key: value for key, value in made.items() if value is not None}
    return {**_ZEROS, "Quantity": "0", "IntOrString": 0}.get(field.type)
