# SPDX-License-Identifier: Apache-2.0
"""Objects as plain data for the server's own parts, past authorization: request.Reader over the store."""

from typing import Any

from controlplane.registry.registry import Registry
from controlplane.registry.resource import Resource
from controlplane.store.interface import Store
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.stored import Stored

Json = dict[str, Any]


class StoreReader:
    """Reads at the newest revision. Kinds that are not registered have no objects."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._store = store

    async def get(self, group: str, plural: str, namespace: str, name: str) -> Json | None:
        """See request.Reader. Raises ApiError 503."""
        resource = self._resource(group, plural)
        if resource is None:
            return None
        with store_refusals():
            record = await self._store.get(resource.key(namespace, name))
        return Stored.of(resource, record).to_object() if record else None

    async def list(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        """See request.Reader. Raises ApiError 503."""
        resource = self._resource(group, plural)
        if resource is None:
            return []
        prefix = resource.key(namespace, "") if namespace else resource.storage_prefix
        with store_refusals():
            page = await self._store.list(prefix)
        return [Stored.of(resource, record).to_object() for record in page.records]

    def _resource(self, group: str, plural: str) -> Resource | None:
        return self._registry.preferred(group, plural)
