# SPDX-License-Identifier: Apache-2.0
"""A copy of one kind's objects, kept current by list and watch, that tells its handlers what changed.

The objects are shared, and so are their parts with other objects (kube/sharing.py): whoever wants to change one copies
it first. Our own writes are put into the copy at once (observe, observe_removal), so that a controller never decides
on a state from before its own last write; the watch confirms them later. That takes the place of client-go's
expectations.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final

from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import Kind
from kube.sharing import share
from kube.workqueue import Backoff

log = logging.getLogger(__name__)

Json = dict[str, Any]
# (old, new): (None, new) was added, (old, None) removed.
Handler = Callable[[Json | None, Json | None], None]
Index = Callable[[Json], Iterable[str]]
Transform = Callable[[Json], Json]

_BACKOFF: Final = Backoff(first=0.2, longest=30.0)
# The server ends a watch after this; a little spread keeps many clients from coming back together.
_WATCH_SECONDS: Final = (240, 360)


def key_of(obj: Json) -> tuple[str, str]:
    """(namespace, name); namespace is "" for cluster-scoped objects."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def drop_managed_fields(obj: Json) -> Json:
    """Controllers do not look at managedFields, which are often half of an object."""
    obj["metadata"].pop("managedFields", None)
    return obj


class Informer:
    """One kind of one namespace ("" is all), with optional selectors. Start it with run(); read it after `synced`."""

    def __init__(
        self,
        client: Client,
        kind: Kind,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        transform: Transform = drop_managed_fields,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        # Why the copy may be old: the last failure, "" since the server was heard again.
        self.trouble = ""
        self._client = client
        self._namespace, self._labels, self._fields = namespace, labels, fields
        self._transform: Transform = lambda obj: share(transform(obj))
        self._objects: dict[tuple[str, str], Json] = {}
        self._handlers: list[Handler] = []
        self._indexes: dict[str, tuple[Index, dict[str, dict[tuple[str, str], Json]]]] = {}
        # What we removed and the watch has not confirmed: later news of it is older than the removal.
        self._removed: set[str] = set()
        self._seen = 0

    def add_handler(self, handler: Handler) -> None:
        """Called for every change from now on, and now for every object that is known. It must not wait."""
        self._handlers.append(handler)
        for obj in list(self._objects.values()):
            handler(None, obj)

    def add_index(self, name: str, values: Index) -> None:
        """Make by_index(name, value) find the objects for which values(obj) yields value. Twice is once."""
        if name in self._indexes:
            return
        self._indexes[name] = (values, {})
        for key, obj in self._objects.items():
            self._index(key, None, obj, only=name)

    def get(self, name: str, namespace: str = "") -> Json | None:
        """The object as last seen."""
        return self._objects.get((namespace, name))

    def all(self) -> Iterable[Json]:
        """Every object, in no order."""
        return self._objects.values()

    def by_index(self, name: str, value: str) -> list[Json]:
        """The objects that the index finds, in no order."""
        return list(self._indexes[name][1].get(value, {}).values())

    def __len__(self) -> int:
        return len(self._objects)

    def observe(self, obj: Json) -> None:
        """Take what the server answered to a write of ours, unless the watch knows better already."""
        if _version(obj) > self._seen and obj["metadata"].get("uid") not in self._removed:
            self._replace(key_of(obj), self._transform(obj))

    def observe_removal(self, obj: Json) -> None:
        """Take that a write of ours removed this object at once."""
        current = self._objects.get(key_of(obj))
        if current is not None and _uid(current) == _uid(obj):
            self._removed.add(_uid(obj))
            self._replace(key_of(obj), None)

    async def run(self) -> None:
        """Keep the copy current until cancelled; no error of the server or of the network ends it."""
        failures = 0
        version = ""
        while True:
            before, began = self._seen, time.monotonic()
            try:
                version = await self._watch(version) if version else await self._list()
                # A server that ends watches at once would be asked without a pause.
                failures = failures + 1 if self._seen == before and time.monotonic() < began + 1 else 0
                self.trouble = ""
            except ApiStatusError as error:
                level = logging.INFO if error.is_expired else logging.WARNING
                log.log(level, "Cannot follow %s: %s", self.kind, error)
                self.trouble = str(error)
                version, failures = "", failures + 1
            except UnreachableError as error:
                # Where the watch broke off is where it goes on: what came until then is taken.
                log.info("Cannot follow %s: %s", self.kind, error)
                self.trouble = str(error)
                version = str(self._seen) if version else ""
                failures = failures + 1 if self._seen == before else 1
            if failures:
                await asyncio.sleep(_BACKOFF.pause(failures) * random.uniform(0.5, 1.0))

    async def _list(self) -> str:
        whole = await self._client.list(
            self.kind, self._namespace, labels=self._labels, fields=self._fields, transform=self._transform
        )
        version: str = whole["metadata"]["resourceVersion"]
        listed = {key_of(obj): obj for obj in whole["items"]}
        self._seen = int(version)
        # What we wrote or removed while the list was under way is newer than the list.
        for key in self._objects.keys() - listed.keys():
            if _version(self._objects[key]) <= self._seen:
                self._replace(key, None)
        self._removed &= {_uid(obj) for obj in listed.values()}
        for key, obj in listed.items():
            if _uid(obj) not in self._removed:
                self._replace(key, obj)
        self.synced.set()
        return version

    async def _watch(self, version: str) -> str:
        seconds = random.randint(*_WATCH_SECONDS)
        events = self._client.watch(
            self.kind,
            self._namespace,
            resource_version=version,
            labels=self._labels,
            fields=self._fields,
            seconds=seconds,
        )
        async with aclosing(events):
            async for event in events:
                self._take(event["type"], event["object"])
        return str(self._seen)

    def _take(self, change: str, obj: Json) -> None:
        version = _version(obj)
        self._seen = max(self._seen, version)
        if change == "BOOKMARK":
            return
        if change == "DELETED":
            self._removed.discard(_uid(obj))
            current = self._objects.get(key_of(obj))
            # A namesake that was made since, by ourselves, stays.
            if current is not None and _uid(current) == _uid(obj):
                self._replace(key_of(obj), None, last=self._transform(obj))
        elif _uid(obj) not in self._removed:
            self._replace(key_of(obj), self._transform(obj))

    def _replace(self, key: tuple[str, str], new: Json | None, *, last: Json | None = None) -> None:
        """Put the object in place and tell everybody; last is what it was at its end, where that is known."""
        old = self._objects.get(key)
        if new is None:
            self._objects.pop(key, None)
        elif old is None:
            self._objects[key] = new
        elif _uid(old) != _uid(new):
            # One object went and another of its name came while we did not look.
            self._replace(key, None)
            self._replace(key, new)
            return
        elif _version(new) <= _version(old):
            return
        else:
            self._objects[key] = new
        self._index(key, old, new)
        self._tell(last or old, new)

    def _index(self, key: tuple[str, str], old: Json | None, new: Json | None, *, only: str = "") -> None:
        for name, (values, entries) in self._indexes.items():
            if only and name != only:
                continue
            before = set(values(old)) if old is not None else set()
            after = set(values(new)) if new is not None else set()
            for value in before - after:
                entries[value].pop(key, None)
                if not entries[value]:
                    del entries[value]
            for value in after:
                entries.setdefault(value, {})[key] = new or {}

    def _tell(self, old: Json | None, new: Json | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception:  # one handler's bug must not stop the others
                log.exception("Handler of %s failed", self.kind)


class Informers:
    """One shared informer per kind, for everything in this process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._informers: dict[Kind, Informer] = {}
        self._group: asyncio.TaskGroup | None = None

    def of(self, kind: Kind, *, transform: Transform = drop_managed_fields) -> Informer:
        """The kind's informer over all namespaces; it is started by run(), or now when that is running already.

        transform counts for the first who asks.
        """
        informer = self._informers.get(kind)
        if informer is None:
            informer = self._informers[kind] = Informer(self._client, kind, transform=transform)
            if self._group:
                self._group.create_task(informer.run(), name=f"informer {kind}")
        return informer

    def known(self) -> Mapping[Kind, Informer]:
        """All informers that somebody asked for."""
        return dict(self._informers)

    async def run(self) -> None:
        """Run all of them, and those that are asked for later, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for kind, informer in self._informers.items():
                    group.create_task(informer.run(), name=f"informer {kind}")
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def synced(self) -> None:
        """Wait until every informer has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()


def _version(obj: Json) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)


def _uid(obj: Json) -> str:
    uid: str = obj["metadata"].get("uid", "")
    return uid
