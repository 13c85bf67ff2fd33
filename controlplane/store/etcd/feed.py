# SPDX-License-Identifier: Apache-2.0
"""The one watch that feeds all watches of this process, and the reading of what lies further back."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from controlplane.store import refusals
from controlplane.store.errors import CompactedError, StoreError
from controlplane.store.etcd.client import Client
from controlplane.store.etcd.requests import Keys
from controlplane.store.etcd.v3 import rpc_pb2 as rpc
from controlplane.store.interface import Change

PAUSE = 0.1
"""Seconds before a broken watch is made anew."""
PART = 500
"""Changes that a watch reads of history at a time."""
STREAMS = 4
"""Readings of history at the same time: after a restart every client wants some."""

Publish = Callable[[Sequence[Change], int], None]
"""Changes (there may be none), and the revision up to where all is told."""


class Feed:
    """Follows etcd from a revision on, for ever."""

    def __init__(self, client: Client, keys: Keys, after: int) -> None:
        self.revision = after
        # The newest change of our range, the marker included: what a reading of history will surely come to.
        self.last_change = after
        self._client = client
        self._keys = keys
        self._room = asyncio.Semaphore(STREAMS)
        self._moved = asyncio.Condition()

    async def follow(self, publish: Publish, gap: Callable[[int], None]) -> None:
        """Publish every change. gap: called when etcd has compacted past us, with where it goes on."""
        while True:
            try:
                await self._follow(publish)
            except CompactedError as error:
                self.revision = self.last_change = max(self.revision, error.oldest)
                gap(self.revision)
            except StoreError:
                await asyncio.sleep(PAUSE)

    async def reached(self, revision: int) -> None:
        """Wait until everything up to this revision is published."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.revision >= revision)

    async def history(self, prefix: str, after: int, until: int) -> AsyncGenerator[Sequence[Change], None]:
        """See fanout.History. Between two parts nothing is held."""
        # Behind the last change of all there is none to wait for.
        until = min(until, self.last_change)
        while after < until:
            async with self._room:
                part, after = await self._part(prefix, after, until)
            yield part

    async def oldest(self) -> int:
        """What history begins at. etcd says it only to a watch that asks for too much."""
        async with aclosing(self._watch(0)) as answers:
            async for answer in answers:
                # Besides the news that it was made a watch gets its end, or changes: the marker is one.
                if answer.canceled or not answer.created:
                    break
        return max(answer.compact_revision, 1)

    async def _follow(self, publish: Publish) -> None:
        async with aclosing(self._watch(self.revision)) as answers:
            async for answer in answers:
                _check_kept(answer, self.revision)
                if answer.events:
                    changes = self._keys.changes(answer)
                    self.revision = self.last_change = answer.events[-1].kv.mod_revision
                    publish(changes, self.revision)
                elif not answer.created and not answer.canceled:
                    # A notice of progress.
                    self.revision = max(self.revision, answer.header.revision)
                    publish((), self.revision)
                async with self._moved:
                    self._moved.notify_all()

    async def _part(self, prefix: str, after: int, until: int) -> tuple[list[Change], int]:
        """The next changes of the range, and the revision up to where these are all."""
        part: list[Change] = []
        async with aclosing(self._watch(after)) as answers:
            async for answer in answers:
                _check_kept(answer, after)
                changes = self._keys.changes(answer)
                part += [
                    change
                    for change in changes
                    if change.record.mod_revision <= until and change.record.key.startswith(prefix)
                ]
                after = answer.events[-1].kv.mod_revision if answer.events else after
                if len(part) >= PART or after >= until:
                    break
        return part, after

    def _watch(self, after: int) -> AsyncGenerator[rpc.WatchResponse, None]:
        key, range_end = self._keys.all()
        return self._client.watch(
            rpc.WatchCreateRequest(
                key=key, range_end=range_end, start_revision=after + 1, prev_kv=True, progress_notify=True
            )
        )


def _check_kept(answer: rpc.WatchResponse, after: int) -> None:
    if answer.canceled and answer.compact_revision:
        raise refusals.compacted("watch after", after, answer.compact_revision)
    if answer.canceled:
        raise StoreError(f"cannot watch etcd: {answer.cancel_reason}")
