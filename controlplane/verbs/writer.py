# SPDX-License-Identifier: Apache-2.0
"""Writing inside the server, past authorization and admission: request.Writer over the store."""

from typing import Any

from controlplane.errors import conflict, not_found
from controlplane.registry.registry import Registry
from controlplane.store.errors import ConflictError
from controlplane.store.interface import Store
from controlplane.verbs.errors import CHANGED, store_refusals
from controlplane.verbs.stored import Stored, encode

Json = dict[str, Any]


class StoreWriter:
    """Writes statuses at the revision that the caller has read."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._store = store

    async def update_status(self, group: str, plural: str, obj: Json) -> Json:
        """See request.Writer. Raises ApiError 404, 409 and 503."""
        resource = self._registry.preferred(group, plural)
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
        if resource is None:
            raise not_found(group, plural, name)
        key = resource.key(namespace, name)
        with store_refusals():
            record = await self._store.get(key)
        if record is None:
            raise not_found(group, plural, name)
        expected = int(obj["metadata"]["resourceVersion"])
        changed = {**Stored.of(resource, record).in_storage_version(), "status": obj.get("status") or {}}
        try:
            with store_refusals():
                written = await self._store.update(key, encode(changed), expected=expected)
        except ConflictError as error:
            raise conflict(group, plural, name, CHANGED) from error
        return Stored.of(resource, written).to_object()
