# SPDX-License-Identifier: Apache-2.0
"""metadata.managedFields as values: who manages, and which fields, read from entries and written to them."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from controlplane.patch.field_set import FieldSet, is_well_formed, ordered, union
from controlplane.patch.plain import Json

APPLY: Final = "Apply"
UPDATE: Final = "Update"

# Of more Update managers than this, the oldest are put together under one name (k8s.io/apiserver's fieldmanager).
MAX_UPDATE_MANAGERS: Final = 10
ANCIENT_CHANGES: Final = "ancient-changes"


class Manager(NamedTuple):
    """Whom an entry belongs to. Appliers are the same in every API version: theirs is "" here."""

    name: str
    operation: str
    api_version: str = ""
    subresource: str = ""

    def told(self) -> str:
        """As conflicts name a manager."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == APPLY else f"{text} using {self.api_version}"


@dataclass(frozen=True, slots=True)
class Managed:
    """What a manager has: its fields, when it last took some (RFC 3339, or ""), and in which API version."""

    fields: FieldSet
    time: str
    api_version: str


Owners = dict[Manager, Managed]


def read_owners(obj: Json | None) -> Owners:
    """The managers of an object that the server wrote; none for None."""
    entries = ((obj or {}).get("metadata") or {}).get("managedFields") or []
    owners: Owners = {}
    for entry in entries:
        manager, managed = _read(entry)
        before = owners.get(manager)
        fields = union(before.fields if before else None, managed.fields or None)
        if fields:
            owners[manager] = Managed(fields, managed.time, managed.api_version)
    return owners


def _read(entry: Json) -> tuple[Manager, Managed]:
    operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
    manager = Manager(
        entry.get("manager", ""),
        operation,
        "" if operation == APPLY else version,
        entry.get("subresource", ""),
    )
    return manager, Managed(entry.get("fieldsV1") or {}, entry.get("time") or "", version)


def are_readable(entries: Any) -> bool:
    """Whether managedFields from a client are what the server would have written."""
    return isinstance(entries, list) and all(map(_is_readable, entries))


def _is_readable(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE):
        return False
    texts = ("manager", "apiVersion", "subresource", "time")
    return (
        entry.get("fieldsType") == "FieldsV1"
        and all(isinstance(entry.get(text) or "", str) for text in texts)
        and is_well_formed(entry.get("fieldsV1") or {})
    )


def write_owners(obj: Json, owners: Owners) -> Json:
    """The object with these managers; a new object and metadata, the rest shared."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    if owners:
        entries = [_entry(manager, managed) for manager, managed in owners.items()]
        metadata["managedFields"] = sorted(entries, key=_place)
    return {**obj, "metadata": metadata}


def _entry(manager: Manager, managed: Managed) -> Json:
    entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": managed.api_version,
        "time": managed.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": ordered(managed.fields),
        "subresource": manager.subresource,
    }
    return {key: value for key, value in entry.items() if value}


def _place(entry: Json) -> tuple[str, ...]:
    return tuple(entry.get(key, "") for key in ("operation", "time", "manager", "apiVersion", "subresource"))


def cap_updates(owners: Owners) -> Owners:
    """At most MAX_UPDATE_MANAGERS that updated: the oldest of each API version become one, "ancient-changes"."""
    updates = [manager for manager in owners if manager.operation == UPDATE]
    excess = len(updates) - MAX_UPDATE_MANAGERS
    if excess <= 0:
        return owners
    result = dict(owners)
    first: dict[str, Manager] = {}
    for manager in sorted(updates, key=lambda each: (each.name != ANCIENT_CHANGES, owners[each].time, each)):
        if excess <= 0:
            break
        version = manager.api_version
        if version not in first:
            first[version] = manager
            continue
        bucket = Manager(ANCIENT_CHANGES, UPDATE, version)
        older = result.pop(bucket, None) or result.pop(first[version])
        newer = result.pop(manager)
        result[bucket] = Managed(union(older.fields, newer.fields) or {}, newer.time, version)
        excess -= 1
    return result
