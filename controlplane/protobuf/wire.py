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
_MASK: Final = (1 << 64) - 1
_LONGEST: Final = 10


def read(data: bytes) -> Iterator[Value]:
    """The fields of a message in their order. Raises WireError for bytes that are no message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number = tag >> 3
        try:
            type_ = WireType(tag & 7)
        except ValueError:
            raise WireError(f"wire type {tag & 7} is not used in Kubernetes") from None
        if not 0 < number < 1 << 29:
            raise WireError(f"{number} is no field number")
        if type_ is WireType.VARINT:
            value, at = varint(data, at)
            yield Value(number, type_, value)
            continue
        size = _FIXED.get(type_)
        if size is None:
            size, at = varint(data, at)
        if size > len(data) - at:
            raise WireError(f"field {number} has {size} bytes, of which only {len(data) - at} are there")
        yield Value(number, type_, data[at : at + size])
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 64 bits, and where it ends."""
    value = 0
    for index in range(_LONGEST):
        if at + index >= len(data):
            raise WireError("the message ends inside a number")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & _MASK, at + index + 1
    raise WireError("a number has more than 64 bits")


def varints(data: bytes) -> Iterator[int]:
    """A packed list of numbers."""
    at = 0
    while at < len(data):
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
