# SPDX-License-Identifier: Apache-2.0
"""Values that are messages in protobuf and plain values in JSON, and scalars: each as its JSON value.

Facts: the messages Time, MicroTime (seconds = 1, nanos = 2), Quantity (string = 1), IntOrString (type = 1: 0 integer,
1 string; intVal = 2; strVal = 3), RawExtension and FieldsV1 (raw = 1), ExtraValue (items = 1) of
k8s.io/apimachinery's and k8s.io/api's generated.proto.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from controlplane.protobuf.errors import WireError
from controlplane.protobuf.wire import Budget, Value, WireType, double, read, signed, varints

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What timestamps may be: the years 1 to 9999, as RFC 3339 has them.
_SECONDS: Final = range(-62135596800, 253402300800)
_BILLION: Final = 1_000_000_000


def scalar(type_: str, value: Value) -> Any:
    """The JSON value of a scalar."""
    expected, convert = _SCALARS[type_]
    if value.type is not expected:
        raise WireError(f"expected {expected.name.lower()}, found {value.type.name.lower()}")
    return convert(value.content)


def packed(type_: str, data: bytes, budget: Budget) -> list[Any]:
    """The JSON values of a list of numbers in one piece."""
    return [_SCALARS[type_][1](each) for each in varints(data, budget)]


def leaf(type_: str, data: bytes, budget: Budget) -> Any:
    """The JSON value of a leaf; None for a time that is not set."""
    return _LEAVES[type_](data, budget)


def zero(type_: str) -> Any:
    """What a map's value is whose entry has none."""
    return _ZEROS[type_] if type_ in _ZEROS else leaf(type_, b"", Budget())


def text(data: Any) -> str:
    """UTF-8."""
    try:
        return bytes(data).decode()
    except UnicodeDecodeError as error:
        raise WireError(f"a string is not UTF-8: {error.reason} at byte {error.start}") from None


def _time(data: bytes, budget: Budget) -> str | None:
    moment, _ = _moment(data, budget)
    return None if moment is None else f"{moment:%Y}".zfill(4) + f"{moment:-%m-%dT%H:%M:%SZ}"


def _micro_time(data: bytes, budget: Budget) -> str | None:
    moment, nanos = _moment(data, budget)
    return (
        None if moment is None else f"{moment:%Y}".zfill(4) + f"{moment:-%m-%dT%H:%M:%S}.{nanos // 1000:06}Z"
    )


def _moment(data: bytes, budget: Budget) -> tuple[datetime | None, int]:
    """The second and the nanoseconds in it. All zero is a time that is not set, in Go and so in its messages."""
    numbers = {1: 0, 2: 0}
    for value in read(data, budget):
        if value.number in numbers:
            numbers[value.number] = scalar("int64" if value.number == 1 else "int32", value)
    seconds, nanos = numbers[1], numbers[2]
    if seconds not in _SECONDS:
        raise WireError(f"{seconds} s since 1970 is no time between the years 1 and 9999")
    if not 0 <= nanos < _BILLION:
        raise WireError(f"a time has {nanos} nanoseconds")
    return (_EPOCH + timedelta(seconds=seconds) if seconds or nanos else None), nanos


def _quantity(data: bytes, budget: Budget) -> str:
    found = [scalar("string", value) for value in read(data, budget) if value.number == 1]
    return str(found[-1]) if found and found[-1] else "0"


def _int_or_string(data: bytes, budget: Budget) -> int | str:
    kind, number, string = 0, 0, ""
    for value in read(data, budget):
        if value.number == 1:
            kind = scalar("int64", value)
        elif value.number == 2:
            number = scalar("int32", value)
        elif value.number == 3:
            string = scalar("string", value)
    if kind not in (0, 1):
        raise WireError(f"a value is neither an integer nor a string, but of type {kind}")
    return string if kind else number


def _raw(data: bytes, budget: Budget) -> Any:
    """JSON inside a message. Objects in protobuf inside protobuf are not read."""
    content = b""
    for value in read(data, budget):
        if value.number == 1 and isinstance(value.content, bytes):
            content = value.content
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"an embedded object is no JSON: {error}") from None


def _strings(data: bytes, budget: Budget) -> list[str]:
    return [scalar("string", value) for value in read(data, budget) if value.number == 1]


_SCALARS: Final[Mapping[str, tuple[WireType, Callable[[Any], Any]]]] = {
    "string": (WireType.LENGTH, text),
    "bytes": (WireType.LENGTH, lambda data: base64.b64encode(data).decode()),
    "bool": (WireType.VARINT, bool),
    "int32": (WireType.VARINT, lambda value: signed(value, 32)),
    "int64": (WireType.VARINT, lambda value: signed(value, 64)),
    "double": (WireType.FIXED64, double),
}
_LEAVES: Final[Mapping[str, Callable[[bytes, Budget], Any]]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Raw": _raw,
    "Strings": _strings,
}
_ZEROS: Final[Mapping[str, Any]] = {
    "string": "",
    "bytes": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "double": 0.0,
}
