# SPDX-License-Identifier: Apache-2.0
"""Protobuf's wire format: fields of a message as numbers and values (protobuf.dev, "Encoding")."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from controlplane.protobuf.errors import WireError


class WireType(IntEnum):
    """How a value is written. Groups (3 and 4) were never used by Kubernetes and are refused."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


class Value(NamedTuple):
    """One field as it was found: an unsigned number of 64 bits for VARINT, else bytes."""

    number: int
    type: WireType
    content: int | bytes

    @property
    def is_zero(self) -> bool:
        """Whether it says no more than its absence."""
        return not self.content if isinstance(self.content, int) else not any(self.content)


_FIXED: Final = {WireType.FIXED64: 8, WireType.FIXED32: 4}
_TYPES: Final = {each.value: each for each in WireType}
_MASK: Final = (1 << 64) - 1
_LONGEST: Final = 10


class Budget:
    """How many fields a body may still have: reading one costs about two microseconds, in which nobody else is served.

    The default is several times what an object of the largest size that stores take can sensibly have.
    """

    __slots__ = ("left",)

    def __init__(self, fields: int = 200_000) -> None:
        self.left = fields

    def spend(self) -> None:
        """Count one. Raises WireError when there were too many."""
        self.left -= 1
        if self.left < 0:
            raise WireError("the body has too many fields: send fewer in one object")


def read(data: bytes, budget: Budget) -> Iterator[Value]:
    """The fields of a message in their order. Raises WireError for bytes that are no message."""
    at, end = 0, len(data)
    while at < end:
        budget.spend()
        tag, at = varint(data, at)
        number, type_ = tag >> 3, _TYPES.get(tag & 7)
        if type_ is None:
            raise WireError(f"wire type {tag & 7} is not used in Kubernetes")
        if not 0 < number < 1 << 29:
            raise WireError(f"{number} is no field number")
        if type_ is WireType.VARINT:
            value, at = varint(data, at)
            yield Value(number, type_, value)
            continue
        size = _FIXED.get(type_)
        if size is None:
            size, at = varint(data, at)
        if size > end - at:
            raise WireError(f"field {number} has {size} bytes, of which only {end - at} are there")
        yield Value(number, type_, data[at : at + size])
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 64 bits, and where it ends."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for index in range(_LONGEST):
        if at + index >= len(data):
            raise WireError("the message ends inside a number")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & _MASK, at + index + 1
    raise WireError("a number has more than 64 bits")


def varints(data: bytes, budget: Budget) -> Iterator[int]:
    """A packed list of numbers, each of which counts as a field."""
    at = 0
    while at < len(data):
        budget.spend()
        value, at = varint(data, at)
        yield value


def signed(value: int, bits: int) -> int:
    """A number in two's complement of this many bits; higher ones are dropped, as protobuf has it for int32."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def double(data: bytes) -> float:
    """A floating point number of 64 bits."""
    found: float = struct.unpack("<d", data)[0]
    return found
