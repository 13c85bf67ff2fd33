# SPDX-License-Identifier: Apache-2.0
"""Messages into plain data, driven by the tables.

A field that no table has stays under a name that no type has: strict validation then refuses, warns of or drops it,
as it does with an unknown field of a JSON body.
"""

from typing import Any

from controlplane.protobuf import leaves
from controlplane.protobuf.errors import WireError
from controlplane.protobuf.tables import INLINE, LEAVES, Field, Message, Shape, Zero, message
from controlplane.protobuf.wire import Budget, Value, WireType, read

Json = dict[str, Any]


def decode_message(name: str, data: bytes, budget: Budget | None = None) -> Json:
    """An object of this message ("core_v1.Pod"). Raises WireError; LookupError when no table has the message."""
    obj: Json = {}
    _Decoder(budget or Budget()).fill(obj, _known(name), data)
    return obj


def _known(name: str) -> Message:
    found = message(name)
    if found is None:
        raise LookupError(f"no table has the message {name}")
    return found


class _Decoder:
    """Decodes one body."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def fill(self, obj: Json, message_: Message, data: bytes) -> bool:
        """Set what the bytes say; whether they say anything but zero values of fields that were never set."""
        says = False
        for value in read(data, self._budget):
            field = message_.fields.get(value.number)
            if field is None:
                if not value.is_zero:
                    obj[f"protobuf field {value.number}"] = says = True
                continue
            try:
                says |= self._set(obj, field, value)
            except WireError as error:
                raise error.inside("" if field.name == INLINE else field.name) from None
        for field in message_.shown:
            obj.setdefault(field.name, [] if field.shape is Shape.LIST else {})
        return says

    def _set(self, obj: Json, field: Field, value: Value) -> bool:
        if field.name == INLINE:
            return self.fill(obj, _known(field.message), _content(value))
        if field.shape is Shape.MAP:
            key, found = self._entry(field, _content(value))
            obj.setdefault(field.name, {})[key] = found
            return True
        if field.shape is Shape.LIST:
            obj.setdefault(field.name, []).extend(self._items(field, value))
            return True
        found, says = self._one(field, value, obj.get(field.name))
        return _keep(obj, field, found, says=says)

    def _one(self, field: Field, value: Value, before: Any = None) -> tuple[Any, bool]:
        """The value of a field, and whether it says something; a message in several pieces is all of them together."""
        if field.message:
            made: Json = before if isinstance(before, dict) else {}
            says = self.fill(made, _known(field.message), _content(value))
            return made, says or made is before
        if field.type in LEAVES:
            found = leaves.leaf(field.type, _content(value), self._budget)
            return found, bool(found) and not (field.type == "Quantity" and found == "0")
        found = leaves.scalar(field.type, value)
        return found, bool(found)

    def _items(self, field: Field, value: Value) -> list[Any]:
        if value.type is WireType.LENGTH and field.type in ("int32", "int64", "bool"):
            return leaves.packed(field.type, _content(value), self._budget)
        return [self._one(field, value)[0]]

    def _entry(self, field: Field, data: bytes) -> tuple[str, Any]:
        """Key and value of a map's entry, which is a message with the numbers 1 and 2."""
        key = ""
        found = {} if field.message else leaves.zero(field.type)
        for value in read(data, self._budget):
            if value.number == 1:
                key = leaves.scalar("string", value)
            elif value.number == 2:
                found, _ = self._one(field, value)
        return key, found


def _keep(obj: Json, field: Field, found: Any, *, says: bool) -> bool:
    """A later value of a field takes the place of an earlier one, also when it says that there is none."""
    if found is None or (field.zero is Zero.NOTHING and not says):
        obj.pop(field.name, None)
        return False
    obj[field.name] = found
    return says or field.zero is Zero.SET


def _content(value: Value) -> bytes:
    if not isinstance(value.content, bytes) or value.type is not WireType.LENGTH:
        raise WireError(f"expected length, found {value.type.name.lower()}")
    return value.content
