# SPDX-License-Identifier: Apache-2.0
"""The etcd driver: transactions with a compare of mod_revision, ranges at a revision, one watch for all watches."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import NoReturn

from controlplane.store import refusals
from controlplane.store.errors import StoreError
from controlplane.store.etcd import requests
from controlplane.store.etcd.client import Client, CompactedByServer, FutureByServer
from controlplane.store.etcd.feed import Feed
from controlplane.store.etcd.options import EtcdOptions
from controlplane.store.etcd.v3 import rpc_pb2 as rpc
from controlplane.store.fanout import Fanout
from controlplane.store.interface import Change, Interest, Page, Progress, Record
from controlplane.store.keys import following
from controlplane.store.recent import Bounds, weight
from controlplane.store.retention import Keeper, Retention

SLICE = 1000
"""Records in one answer of etcd: a list of all is several, at one revision."""
REWIND = 10_000
"""Revisions before the opening that watches find in memory: after a restart every client comes back at once."""


class EtcdStore:
    """See interface.Store. Made by open_etcd, in the event loop that it is used in."""

    def __init__(
        self,
        client: Client,
        keys: requests.Keys,
        feed: Feed,
        retention: Retention,
        bounds: Bounds | None,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._keys = keys
        self._feed = feed
        self._clock = clock
        self._keeper = Keeper(retention)
        self._fanout = Fanout(feed.revision, feed.history, self._check, bounds)
        self._chores: set[asyncio.Task[None]] = set()
        self._start(feed.follow(self._publish, self._gap))

    async def current_revision(self) -> int:
        """As in interface.Store: etcd's, which other users of the same etcd move too."""
        answer = await self._client.range(rpc.RangeRequest(key=self._keys.marker, count_only=True))
        return answer.header.revision

    async def get(self, key: str) -> Record | None:
        """As in interface.Store."""
        answer = await self._client.range(rpc.RangeRequest(key=self._keys.of(key)))
        return self._keys.record(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str, *, limit: int = 0, start_key: str = "", revision: int = 0) -> Page:
        """As in interface.Store."""
        key, range_end = self._keys.range(prefix, start_key)
        records: list[Record] = []
        while True:
            size = min(limit - len(records), SLICE) if limit else SLICE
            request = rpc.RangeRequest(key=key, range_end=range_end, limit=size, revision=revision)
            try:
                answer = await self._client.range(request)
            except (CompactedByServer, FutureByServer) as error:
                await self._refuse("list", revision, error)
            records += map(self._keys.record, answer.kvs)
            revision = revision or answer.header.revision
            if not answer.more:
                return Page(tuple(records), revision, remaining=0)
            if len(records) == limit:
                remaining = answer.count - len(answer.kvs)
                return Page(tuple(records), revision, following(records[-1].key), remaining)
            key = answer.kvs[-1].key + b"\0"

    async def create(self, key: str, value: bytes) -> Record:
        """As in interface.Store."""
        answer = await self._client.txn(requests.put_if_absent(self._keys.of(key), value))
        if not answer.succeeded:
            raise refusals.exists(key)
        return Record(key, value, answer.header.revision, answer.header.revision)

    async def update(self, key: str, value: bytes, *, expected: int) -> Record:
        """As in interface.Store."""
        answer = await self._client.txn(requests.put_if_at(self._keys.of(key), value, expected))
        self._check_succeeded("update", key, expected, answer)
        old = answer.responses[0].response_put.prev_kv
        return Record(key, value, old.create_revision, answer.header.revision)

    async def delete(self, key: str, *, expected: int) -> Record:
        """As in interface.Store."""
        answer = await self._client.txn(requests.delete_if_at(self._keys.of(key), expected))
        self._check_succeeded("delete", key, expected, answer)
        (old,) = answer.responses[0].response_delete_range.prev_kvs
        return Record(key, old.value, old.create_revision, answer.header.revision)

    def watch(
        self, prefix: str, *, after: int, interest: Interest | None = None
    ) -> AsyncGenerator[Change | Progress, None]:
        """As in interface.Store."""
        return self._fanout.watch(prefix, after, interest)

    async def compact(self, revision: int) -> None:
        """As in interface.Store. It is all of etcd that forgets, not this store alone."""
        try:
            await self._client.compact(rpc.CompactionRequest(revision=revision))
        except CompactedByServer:
            return
        except FutureByServer as error:
            await self._refuse("compact at", revision, error)

    async def close(self) -> None:
        """As in interface.Store."""
        self._fanout.close()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._client.close()

    async def opened(self, revision: int) -> None:
        """Wait until the feed has come to where the store was opened."""
        await self._feed.reached(revision)

    def _check_succeeded(self, verb: str, key: str, expected: int, answer: rpc.TxnResponse) -> None:
        if not answer.succeeded:
            found = answer.responses[0].response_range.kvs
            raise refusals.conflict(verb, key, expected, self._keys.record(found[0]) if found else None)

    async def _check(self, after: int) -> None:
        if after < 1:
            raise refusals.compacted("watch after", after, await self._feed.oldest())
        try:
            await self._client.range(rpc.RangeRequest(key=self._keys.marker, revision=after, count_only=True))
        except (CompactedByServer, FutureByServer) as error:
            await self._refuse("watch after", after, error)

    async def _refuse(self, what: str, revision: int, error: StoreError) -> NoReturn:
        """Say it with the revision that etcd does not tell with its refusal."""
        if isinstance(error, CompactedByServer):
            raise refusals.compacted(what, revision, await self._feed.oldest()) from error
        raise refusals.future(what, revision, await self.current_revision()) from error

    def _publish(self, changes: Sequence[Change], revision: int) -> None:
        self._fanout.publish(changes, revision)
        noted = self._keeper.note(self._clock(), revision, sum(map(weight, changes)))
        if noted and noted.point:
            self._start(self._tidy(noted.point))

    def _gap(self, revision: int) -> None:
        """etcd forgot what we had not read: readers that were as far behind have to list again."""
        self._fanout.skip_to(revision)

    async def _tidy(self, point: int) -> None:
        try:
            await self.compact(point)
        except StoreError:
            # Tried again with the next mark.
            return

    def _start(self, chore: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def open_etcd(
    options: EtcdOptions,
    *,
    retention: Retention | None = None,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.time,
) -> EtcdStore:
    """Connect, and be up to date. Raises UnavailableError when no endpoint answers.

    retention: etcd is compacted by it (several API servers do it without harm); bounds: see recent.py; clock: seconds.
    """
    client, keys = Client(options), requests.Keys(options.root)
    try:
        marked = await client.txn(requests.mark(keys.marker))
        feed = Feed(client, keys, 0)
        feed.revision = feed.last_change = max(await feed.oldest(), marked.header.revision - REWIND)
        store = EtcdStore(client, keys, feed, retention or Retention(), bounds, clock)
    except BaseException:
        await client.close()
        raise
    await store.opened(marked.header.revision)
    return store
