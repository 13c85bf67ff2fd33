# SPDX-License-Identifier: Apache-2.0
"""Objects as they are stored and as they are told: bytes as long as nobody has to look inside.

A stored value has kind, apiVersion and metadata first and no resourceVersion, which is the record's revision and is
spliced in where metadata begins.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controlplane.registry.resource import Resource
from controlplane.store.interface import Record

Json = dict[str, Any]

_METADATA: Final = b'"metadata":{'
_FIRST: Final = ("kind", "apiVersion", "metadata")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object at a revision; revision 0 is an object that was not written (a dry run)."""

    resource: Resource
    value: bytes
    revision: int

    @classmethod
    def of(cls, resource: Resource, record: Record) -> "Stored":
        """The object of a record."""
        return cls(resource, record.value, record.mod_revision)

    def to_bytes(self) -> bytes:
        """JSON in the resource's own version, resourceVersion included."""
        if self.resource.from_storage is not None:
            return msgspec.json.encode(self.to_object())
        return with_revision(self.value, self.revision) if self.revision else self.value

    def in_storage_version(self) -> Json:
        """A new plain object, as strategies, columns and selectors want it."""
        obj: Json = msgspec.json.decode(self.value)
        if self.revision:
            obj["metadata"]["resourceVersion"] = str(self.revision)
        return obj

    def to_object(self) -> Json:
        """A new plain object in the resource's own version."""
        obj = self.in_storage_version()
        return obj if self.resource.from_storage is None else self.resource.from_storage(obj)


def encode(obj: Json) -> bytes:
    """An object of the storage version as the store keeps it."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "resourceVersion"}
    rest = {name: value for name, value in obj.items() if name not in _FIRST}
    head = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata}
    return msgspec.json.encode({**head, **rest})


def with_revision(value: bytes, revision: int) -> bytes:
    """Splice metadata.resourceVersion into a stored value."""
    at = value.find(_METADATA) + len(_METADATA)
    return b'%b"resourceVersion":"%d",%b' % (value[:at], revision, value[at:])
