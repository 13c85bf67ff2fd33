# SPDX-License-Identifier: Apache-2.0
"""Which pod is next: by priority and age; what did not fit waits for the cluster to change, and then for its pause."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controlplane.scheduler.model import PodInfo
from kube.workqueue import Backoff

Key = tuple[str, str]
Clock = Callable[[], float]

# kube-scheduler's podInitialBackoffSeconds and podMaxBackoffSeconds.
BACKOFF: Final = Backoff(first=1.0, longest=10.0)
# In case an event was lost: what did not fit is looked at again after this.
STALE_SECONDS: Final = 300.0


@dataclass(slots=True)
class _Entry:
    pod: PodInfo
    order: int
    attempts: int = 0
    tried: float = 0.0


@dataclass(slots=True)
class SchedulingQueue:
    """Pods without a node. clock is monotonic seconds; the methods are for the event loop's own thread.

    A pod is in one of: ready (in the heap), pausing (until a moment), stuck (until something moves it).
    """

    clock: Clock = time.monotonic
    backoff: Backoff = BACKOFF
    _entries: dict[Key, _Entry] = field(default_factory=dict)
    _ready: list[tuple[int, int, Key]] = field(default_factory=list)
    _pausing: list[tuple[float, int, Key]] = field(default_factory=list)
    _stuck: set[Key] = field(default_factory=set)
    _queued: set[Key] = field(default_factory=set)
    _orders: "itertools.count[int]" = field(default_factory=itertools.count)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, pod: PodInfo) -> None:
        """A pod is new or changed: it is tried now, unless it is pausing."""
        entry = self._entries.get(pod.key)
        if entry is None or entry.pod.uid != pod.uid:
            self.remove(pod.key)
            entry = self._entries[pod.key] = _Entry(pod, next(self._orders))
        entry.pod = pod
        self._stuck.discard(pod.key)
        self._enqueue(pod.key, entry)

    def remove(self, key: Key) -> None:
        """The pod needs no node any more. Heaps forget it when it comes up."""
        self._entries.pop(key, None)
        self._stuck.discard(key)
        self._queued.discard(key)

    def unschedulable(self, key: Key) -> None:
        """It fitted nowhere: it waits until move_all."""
        if entry := self._attempted(key):
            entry.tried = self.clock()
            self._stuck.add(key)

    def failed(self, key: Key) -> None:
        """It fitted and still did not get there: it is tried again after its pause."""
        if entry := self._attempted(key):
            entry.tried = self.clock()
            self._enqueue(key, entry)

    def move_all(self) -> None:
        """Something changed that may make room: everything stuck is tried again after what is left of its pause."""
        stuck, self._stuck = self._stuck, set()
        for key in stuck:
            self._enqueue(key, self._entries[key])

    def move_related(self) -> None:
        """Pods came to where they are, or changed: what waits for other pods is tried again, like move_all."""
        for key in [key for key in self._stuck if self._entries[key].pod.depends_on_others]:
            self._stuck.discard(key)
            self._enqueue(key, self._entries[key])

    async def get(self) -> PodInfo:
        """Wait for the next pod."""
        while True:
            if pod := self.next_ready():
                return pod
            self._wake.clear()
            try:
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def next_ready(self) -> PodInfo | None:
        """The next pod, if one is ready by now."""
        self._promote()
        while self._ready:
            _, order, key = heapq.heappop(self._ready)
            entry = self._entries.get(key)
            if entry and entry.order == order and key in self._queued:
                self._queued.discard(key)
                return entry.pod
        return None

    def __len__(self) -> int:
        return len(self._entries)

    def _attempted(self, key: Key) -> _Entry | None:
        entry = self._entries.get(key)
        if entry:
            entry.attempts += 1
        return entry

    def _enqueue(self, key: Key, entry: _Entry) -> None:
        if key in self._queued:
            return
        self._queued.add(key)
        pause_ends = entry.tried + self.backoff.pause(entry.attempts) if entry.attempts else 0.0
        if pause_ends > self.clock():
            heapq.heappush(self._pausing, (pause_ends, entry.order, key))
        else:
            heapq.heappush(self._ready, (-entry.pod.priority, entry.order, key))
        self._wake.set()

    def _promote(self) -> None:
        now = self.clock()
        while self._pausing and self._pausing[0][0] <= now:
            _, order, key = heapq.heappop(self._pausing)
            entry = self._entries.get(key)
            if entry and entry.order == order and key in self._queued:
                heapq.heappush(self._ready, (-entry.pod.priority, order, key))
        for key in [key for key in self._stuck if self._entries[key].tried + STALE_SECONDS <= now]:
            self._stuck.discard(key)
            self._enqueue(key, self._entries[key])

    def _seconds_to_next(self) -> float:
        stale = min((self._entries[key].tried + STALE_SECONDS for key in self._stuck), default=float("inf"))
        pausing = self._pausing[0][0] if self._pausing else float("inf")
        return max(0.0, min(stale, pausing, self.clock() + STALE_SECONDS) - self.clock())
