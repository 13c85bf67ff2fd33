# SPDX-License-Identifier: Apache-2.0
"""Writes what pods are like to the API server: only what differs, at once, for ever, and the newest only."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from agent.api.mirror import find, shown_uid
from agent.api.pods import PodSource
from agent.api.status_patch import as_data, difference, settle
from agent.pod.report import PodReport
from agent.sources.model import DesiredPod, Origin
from kube.client import Client, PatchType
from kube.errors import ApiStatusError
from kube.kinds import PODS
from kube.workqueue import Backoff, WorkQueue, work

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]

_BACKOFF: Final = Backoff(first=0.2, longest=30.0)
_WORKERS: Final = 8
# A pod may write so often at once, and afterwards once a second: its start and its end are never held back.
_BURST: Final = 10.0


@dataclass(slots=True)
class _News:
    """The newest word about one pod, and what came of the last one."""

    desired: DesiredPod
    status: Json
    is_last: bool = False
    allowance: float = _BURST
    counted_at: float = field(default_factory=time.monotonic)
    sent: Json = field(default_factory=dict)
    answered: Json = field(default_factory=dict)


class StatusWriter:
    """Takes news of pods by uid; run() writes them."""

    def __init__(self, client: Client, pods: PodSource, node_name: str) -> None:
        self._client, self._pods, self._node = client, pods, node_name
        self._news: dict[str, _News] = {}
        self._queue: WorkQueue[str] = WorkQueue(_BACKOFF)
        # Called when a pod's phase is another one than told before.
        self.phase_changed: Callable[[], None] = lambda: None
        pods.add_handler(self._seen)

    def report(self, report: PodReport) -> None:
        """Take note of a pod's status; agent.pod.report.Reporter.

        Conditions may leave lastTransitionTime out, and the status may leave startTime out: what the API server has
        is kept, and otherwise it is now. Conditions that others wrote stay.
        """
        desired = report.desired
        is_last = report.is_gone and desired.origin is Origin.API
        news = self._news.get(desired.uid)
        if news is None:
            news = self._news[desired.uid] = _News(desired, {})
        elif news.is_last:
            # Its end was told; nothing that comes later counts.
            return
        phase = news.status.get("phase")
        news.desired, news.status, news.is_last = desired, as_data(report.status), is_last
        if news.status.get("phase") != phase:
            self.phase_changed()
        self._queue.add(desired.uid)

    def latest(self, uid: str) -> Json | None:
        """The newest status that was told of a pod, whether it is written yet or not."""
        news = self._news.get(uid)
        return news.status if news else None

    def forget(self, uid: str) -> None:
        """Nothing more is to be written about this pod."""
        self._news.pop(uid, None)

    async def run(self) -> None:
        """Write until cancelled."""
        # What was reported before the API server was heard waits for it.
        await self._pods.synced()
        for uid in self._news:
            self._queue.add(uid)
        with self._queue:
            await work(self._queue, self._write, name="pod status", workers=_WORKERS)

    def _seen(self, old: Json | None, new: Json | None) -> None:
        """A pod that is gone needs no news; one whose status others wrote, or a new mirror pod, needs them again."""
        if new is None:
            if old is not None:
                self.forget(old["metadata"]["uid"])
            return
        uid = shown_uid(new) or new["metadata"]["uid"]
        news = self._news.get(uid)
        if news is not None and (new.get("status") or {}) != news.answered:
            self._queue.add(uid)

    async def _write(self, uid: str) -> float | None:
        news = self._news.get(uid)
        if news is None or not self._pods.is_synced:
            return None
        current = find(self._pods, news.desired, self._node)
        if current is None:
            # An API pod that is gone; a static pod's mirror is not made yet, and will call when it is.
            if news.desired.origin is Origin.API:
                self.forget(uid)
            return None
        wait = await self._patch(news, current)
        if wait is None and news.is_last:
            await self._delete(news, current)
        return wait

    async def _patch(self, news: _News, current: Json) -> float | None:
        """Write the difference; the seconds to wait when it is too early for that."""
        status = current.get("status") or {}
        patch = difference(status, settle(news.status, status, datetime.now(UTC)))
        if not patch or (patch == news.sent and status == news.answered):
            # The API server dropped a part of it before: it would again.
            return None
        if wait := _draw(news, time.monotonic()):
            return wait
        metadata = current["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": patch}
        answer = await self._client.patch(
            PODS,
            metadata["name"],
            body,
            namespace=metadata["namespace"],
            type=PatchType.STRATEGIC,
            subresource="status",
        )
        news.sent, news.answered = patch, answer.get("status") or {}
        self._pods.observe(answer)
        return None

    async def _delete(self, news: _News, current: Json) -> None:
        metadata = current["metadata"]
        try:
            await self._client.delete(
                PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_seconds=0
            )
        except ApiStatusError as error:
            # Gone already, or a namesake is there by now: both are what was wanted.
            if not error.is_not_found and not error.is_conflict:
                raise
        log.info("pod %s is deleted from the API server", news.desired.key)


def _draw(news: _News, now: float) -> float:
    """Take one of the pod's writes; the seconds until there is one, if there is none."""
    news.allowance = min(_BURST, news.allowance + now - news.counted_at)
    news.counted_at = now
    if news.allowance < 1:
        return 1 - news.allowance
    news.allowance -= 1
    return 0
