# SPDX-License-Identifier: Apache-2.0
"""Garbage collection: what is owned goes with its last owner. Every kind is followed, by its metadata alone."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from controlplane.controllers import discovery, meta, ownership
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.ownership import Owner, Placed
from kube.errors import ApiStatusError, UnreachableError
from kube.informer import key_of
from kube.kinds import Kind

log = logging.getLogger(__name__)

Json = dict[str, Any]

_RETRY_SECONDS: Final = 1.0


def only_metadata(obj: Json) -> Json:
    """All that is kept of objects which nobody else in this process follows."""
    obj["metadata"].pop("managedFields", None)
    obj["metadata"].pop("annotations", None)
    return {key: obj[key] for key in ("apiVersion", "kind", "metadata") if key in obj}


class GarbageCollector(Controller):
    """Reconciles objects by ("", uid). Make it after the controllers that want more than the metadata of a kind.

    The kinds are those that the server has when run() begins.
    """

    name = "garbage-collector"
    workers = 8

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._known: dict[str, tuple[Kind, Key]] = {}

    async def run(self) -> None:
        """Learn the kinds, then as every controller."""
        while not self._kinds:
            try:
                await self._learn()
            except (ApiStatusError, UnreachableError) as error:
                log.warning("Cannot learn which kinds there are: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        await super().run()

    async def _learn(self) -> None:
        for kind in await discovery.kinds(self.client, "list", "watch", "delete"):
            # Nobody owns Events or is owned by one, and they are many; they come under two groups.
            if kind.kind != "Event":
                self._kinds[kind.group, kind.kind] = kind
        for kind in self._kinds.values():
            informer = self.informers.of(kind, transform=only_metadata)
            informer.add_index("owner", lambda obj: [item["uid"] for item in ownership.references(obj)])
            informer.add_handler(partial(self._changed, kind))

    async def reconcile(self, key: Key) -> None:
        """Look at one object and its owners."""
        uid = key[1]
        found = self._find(uid)
        if found is None:
            return
        kind, obj = found
        if not ownership.concerns(obj):
            return
        dependents = list(self._dependents(uid))
        if ownership.waits_for_dependents(obj):
            # Each of them decides for itself, by how this owner stands.
            for _, item in dependents:
                self.queue.add(("", item["metadata"]["uid"]))
        owners = {} if meta.is_going(obj) else await self._owners(obj)
        await self.executor.run(ownership.plan(kind, obj, owners, dependents))

    async def _owners(self, obj: Json) -> dict[str, Owner]:
        namespace = obj["metadata"].get("namespace", "")
        return {item["uid"]: await self._owner(item, namespace) for item in ownership.references(obj)}

    async def _owner(self, reference: Json, namespace: str) -> Owner:
        """How an owner stands; one that the copies do not have is asked for before anything is deleted for it."""
        found = self._find(reference["uid"])
        if found is not None and (not found[0].namespaced or key_of(found[1])[0] == namespace):
            return _standing(found[1])
        group = reference["apiVersion"].rpartition("/")[0]
        kind = self._kinds.get((group, reference["kind"]))
        if kind is None or (kind.namespaced and not namespace):
            return Owner.UNKNOWN
        try:
            live = await self.client.get(kind, reference["name"], namespace if kind.namespaced else "")
        except ApiStatusError as error:
            if error.is_not_found:
                return Owner.GONE
            raise
        return _standing(live) if live["metadata"]["uid"] == reference["uid"] else Owner.GONE

    def _find(self, uid: str) -> Placed | None:
        place = self._known.get(uid)
        if place is None:
            return None
        kind, (namespace, name) = place
        obj = self.informers.of(kind).get(name, namespace)
        return (kind, obj) if obj is not None and obj["metadata"]["uid"] == uid else None

    def _dependents(self, uid: str) -> Iterable[Placed]:
        for kind in self._kinds.values():
            for obj in self.informers.of(kind).by_index("owner", uid):
                yield kind, obj

    def _changed(self, kind: Kind, old: Json | None, new: Json | None) -> None:
        if new is None and old is not None:
            uid = old["metadata"]["uid"]
            self._known.pop(uid, None)
            for _, item in self._dependents(uid):
                self.queue.add(("", item["metadata"]["uid"]))
        elif new is not None:
            self._known[new["metadata"]["uid"]] = kind, key_of(new)
            if ownership.concerns(new):
                self.queue.add(("", new["metadata"]["uid"]))
        # An owner may have waited for this very dependent.
        for reference in ownership.references(old) if old else ():
            owner = self._find(reference["uid"])
            if owner is not None and ownership.waits_for_dependents(owner[1]):
                self.queue.add(("", reference["uid"]))


def _standing(owner: Json) -> Owner:
    return Owner.WAITING if ownership.waits_for_dependents(owner) else Owner.THERE
