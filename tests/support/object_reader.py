# SPDX-License-Identifier: Apache-2.0
"""A controlplane.request.Reader over any store, and short ways to put objects there."""

from typing import Any

import msgspec

from controlplane.store.interface import Store

Json = dict[str, Any]


def key(group: str, plural: str, namespace: str, name: str) -> str:
    """The store's."""
    return f"/{group or 'core'}/{plural}/{namespace}/{name}"


class StoreReader:
    """Reads what the store holds now."""

    def __init__(self, store: Store) -> None:
        """The store stays the caller's to close."""
        self.store = store

    async def get(self, group: str, plural: str, namespace: str, name: str) -> Json | None:
        """As in Reader."""
        record = await self.store.get(key(group, plural, namespace, name))
        return msgspec.json.decode(record.value) if record else None

    async def list(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        """As in Reader."""
        prefix = f"/{group or 'core'}/{plural}/" + (f"{namespace}/" if namespace else "")
        return [msgspec.json.decode(record.value) for record in (await self.store.list(prefix)).records]

    async def put(self, group: str, plural: str, obj: Json) -> None:
        """Create or replace."""
        metadata = obj["metadata"]
        place = key(group, plural, metadata.get("namespace", ""), metadata["name"])
        record = await self.store.get(place)
        data = msgspec.json.encode(obj)
        if record:
            await self.store.update(place, data, expected=record.mod_revision)
        else:
            await self.store.create(place, data)

    async def remove(self, group: str, plural: str, namespace: str, name: str) -> None:
        """Delete what must be there."""
        place = key(group, plural, namespace, name)
        record = await self.store.get(place)
        assert record is not None
        await self.store.delete(place, expected=record.mod_revision)
