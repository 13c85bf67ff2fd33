# SPDX-License-Identifier: Apache-2.0
"""A copy in memory of the few ranges that every request is decided by, kept up to date from the store's watch.

One watch over the whole store feeds it: changes elsewhere cost a comparison of keys, and the copy's revision is always
exact. After a compaction that overtook the watch, ranges are listed again.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from controlplane.store.errors import CompactedError, UnavailableError
from controlplane.store.interface import Change, ChangeKind, Record, Store

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)
# How long to wait before asking a store again that could not answer.
_RETRY_SECONDS = 0.5


class View(Protocol):
    """What is kept of the objects of one or several ranges; key is the store's."""

    def put(self, key: str, obj: Json) -> None:
        """This is what the object is now."""
        ...

    def drop(self, key: str) -> None:
        """The object is gone; never an error if it was not known."""
        ...


class Mirror:
    """Feeds views, each under the prefixes it wants: "/core/pods/" and so on, resource by resource."""

    def __init__(self, store: Store, views: Mapping[str, tuple[View, ...]]) -> None:
        """Call load once, then run follow as a task."""
        self._store = store
        self._views = views
        self._seen: dict[str, int] = {}
        self._revision = 0
        self._stale = True
        self._moved = asyncio.Condition()

    @property
    def revision(self) -> int:
        """Every change up to here is in the views."""
        return self._revision

    async def load(self) -> None:
        """List every range. What is gone since an earlier load is dropped."""
        revision = await self._store.current_revision()
        records = [record for prefix in self._views for record in await self._list(prefix, revision)]
        for key in self._seen.keys() - {record.key for record in records}:
            self._drop(key)
        for record in records:
            self._put(record)
        self._stale = False
        await self._advance(revision)

    async def follow(self) -> None:
        """Take in changes for ever; ends only by cancellation."""
        while True:
            try:
                if self._stale:
                    await self.load()
                await self._watch()
            except CompactedError:
                _LOG.info("history is gone that was not read yet: listing again")
                self._stale = True
                continue
            except UnavailableError as error:
                _LOG.warning("cannot follow the store: %s", error)
            # Also when a watch ended by itself, as it does when the store is being closed.
            await asyncio.sleep(_RETRY_SECONDS)

    async def reach(self, revision: int, timeout: float) -> bool:
        """Wait until the views hold this revision; False when they do not within timeout seconds."""
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self._revision >= revision)
        except TimeoutError:
            return False
        return True

    async def _watch(self) -> None:
        changes = self._store.watch("/", after=self._revision)
        async with aclosing(changes) as stream:
            async for change in stream:
                if isinstance(change, Change):
                    self._take(change)
                    await self._advance(change.record.mod_revision)
                else:
                    await self._advance(change.revision)

    async def _list(self, prefix: str, revision: int) -> list[Record]:
        """All ranges are listed at one revision: an object of one never meets a stale one of another."""
        records: list[Record] = []
        start = ""
        while True:
            page = await self._store.list(prefix, limit=1000, start_key=start, revision=revision)
            records.extend(page.records)
            start = page.next_key
            if not start:
                return records

    def _take(self, change: Change) -> None:
        if _resource(change.record.key) not in self._views:
            return
        if change.kind is not ChangeKind.DELETED:
            self._put(change.record)
        else:
            self._drop(change.record.key)

    def _put(self, record: Record) -> None:
        # Listed again after a compaction, most objects are as they were.
        if record.mod_revision == self._seen.get(record.key):
            return
        self._seen[record.key] = record.mod_revision
        try:
            obj = msgspec.json.decode(record.value)
            for view in self._views[_resource(record.key)]:
                view.put(record.key, obj)
        except (msgspec.DecodeError, TypeError, KeyError, AttributeError, ValueError) as error:
            # It grants nothing, and the rest goes on.
            _LOG.error("cannot take in %s: %r", record.key, error)
            self._drop(record.key)

    def _drop(self, key: str) -> None:
        self._seen.pop(key, None)
        for view in self._views[_resource(key)]:
            view.drop(key)

    async def _advance(self, revision: int) -> None:
        self._revision = revision
        async with self._moved:
            self._moved.notify_all()


def _resource(key: str) -> str:
    """The range of a key: "/core/pods/" of "/core/pods/default/web"."""
    return key[: key.index("/", key.index("/", 1) + 1) + 1]


def split(key: str) -> tuple[str, str]:
    """Namespace and name of a key."""
    _, _, _, namespace, name = key.split("/", 4)
    return namespace, name
