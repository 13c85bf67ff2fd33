# SPDX-License-Identifier: Apache-2.0
"""Keeps a mirror pod for each static pod: makes it, makes it again, replaces it, removes it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Final

from agent.api.intake import is_mirror
from agent.api.mirror import mirror_key, mirror_of, shown_uid, static_key
from agent.api.pods import PodSource
from agent.sources.model import PodKey, Snapshot
from kube.client import Client
from kube.errors import ApiStatusError
from kube.kinds import PODS
from kube.workqueue import Backoff, WorkQueue, work

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]
_BACKOFF: Final = Backoff(first=0.5, longest=60.0)


class Mirrors:
    """Follows the folder's snapshots and the mirror pods in the API; run() does the writing."""

    def __init__(self, client: Client, pods: PodSource, node_name: str) -> None:
        self._client, self._pods, self._node = client, pods, node_name
        self._folder = Snapshot(is_blind=True)
        self._node_uid = ""
        self._registered = asyncio.Event()
        self._queue: WorkQueue[PodKey] = WorkQueue(_BACKOFF)
        pods.add_handler(self._seen)

    def follow_folder(self, folder: Snapshot) -> None:
        """The static pods as they are now."""
        before, self._folder = self._folder, folder
        for key in before.pods.keys() | folder.pods.keys():
            if before.pods.get(key) != folder.pods.get(key):
                self._queue.add(key)
        if before.is_blind and not folder.is_blind:
            self._look_at_all()

    def own(self, node_uid: str) -> None:
        """The Node object is there, which owns every mirror."""
        self._node_uid = node_uid
        self._registered.set()

    async def run(self) -> None:
        """Write until cancelled."""
        await self._registered.wait()
        await self._pods.synced()
        self._look_at_all()
        with self._queue:
            await work(self._queue, self._reconcile, name="mirror pod")

    def _look_at_all(self) -> None:
        for raw in self._pods.all():
            if is_mirror(raw):
                self._queue.add(static_key(_key(raw), self._node))
        for key in self._folder.pods:
            self._queue.add(key)

    def _seen(self, old: Json | None, new: Json | None) -> None:
        raw = new or old
        if raw is not None and is_mirror(raw):
            self._queue.add(static_key(_key(raw), self._node))

    async def _reconcile(self, key: PodKey) -> None:
        static = self._folder.pods.get(key)
        mirror = self._pods.get(mirror_key(key, self._node))
        if mirror is not None:
            if not is_mirror(mirror):
                if static is not None:
                    log.warning("pod %s has no mirror: its name is another pod's", key)
                return
            wanted = static is not None and shown_uid(mirror) == static.uid
            if not wanted and static is None and not self._knows_all():
                return
            # One that somebody deleted waits for us to let it go; a new one follows.
            if not wanted or "deletionTimestamp" in mirror["metadata"]:
                await self._delete(mirror)
        elif static is not None:
            await self._create(key)

    def _knows_all(self) -> bool:
        """Whether a pod that the folder does not show is not there."""
        return not self._folder.is_blind and not self._folder.broken_files

    async def _create(self, key: PodKey) -> None:
        mirror = mirror_of(self._folder.pods[key], self._node, self._node_uid, datetime.now(UTC))
        try:
            self._pods.observe(await self._client.create(PODS, mirror))
        except ApiStatusError as error:
            if not error.already_exists:
                raise
            # The watch has not told it yet.

    async def _delete(self, mirror: Json) -> None:
        metadata = mirror["metadata"]
        try:
            await self._client.delete(
                PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_seconds=0
            )
        except ApiStatusError as error:
            if not error.is_not_found and not error.is_conflict:
                raise


def _key(raw: Json) -> PodKey:
    return PodKey(raw["metadata"]["namespace"], raw["metadata"]["name"])
