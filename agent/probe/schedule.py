# SPDX-License-Identifier: Apache-2.0
"""When which probe is due: one heap and one timer for all of them, however many there are.

The times of a probe are counted from its container's start, never from when the one before was made: nothing drifts,
and an agent that starts anew goes on in the same beat. Times that passed unused are left out.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from math import floor
from typing import Generic, TypeVar

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Beat:
    """The times of one probe: first, second, and from there every `period` seconds."""

    first: float
    second: float
    period: float

    def after(self, now: float) -> float:
        """The earliest of its times that is later than now."""
        if now < self.first:
            return self.first
        if now < self.second:
            return self.second
        due = self.second + self.period * (floor((now - self.second) / self.period) + 1)
        return due if due > now else due + self.period


def beat(name: str, first: float, period: float, *, spread: bool) -> Beat:
    """A beat for this name. With spread the second time comes up to half a period early, by the name alone.

    So probes that begin together do not stay together.
    """
    early = _share(name) / 2 if spread else 0.0
    return Beat(first, first + period * (1 - early), period)


def _share(name: str) -> float:
    """From 0 to below 1, by the name alone."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") / (1 << 32)


@dataclass(slots=True, order=True)
class _Entry(Generic[Key]):
    due: float
    number: int
    key: Key = field(compare=False)
    beat: Beat = field(compare=False)


class Schedule(Generic[Key]):
    """Calls fire(key, due) for every key at its times; due is when it should have been called, by the loop's clock."""

    def __init__(self, fire: Callable[[Key, float], None]) -> None:
        """Fire is called in the event loop and must not block."""
        self._fire = fire
        self._heap: list[_Entry[Key]] = []
        self._entries: dict[Key, _Entry[Key]] = {}
        self._numbers = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: Key, times: Beat) -> None:
        """Call this key from now on, at once when its second time is still to come; replaces what it had."""
        now = asyncio.get_running_loop().time()
        self._numbers += 1
        due = times.first if now < times.second else times.after(now)
        self._entries[key] = entry = _Entry(due, self._numbers, key, times)
        heapq.heappush(self._heap, entry)
        self._set_timer()

    def remove(self, key: Key) -> None:
        """Never call this key again; its entry in the heap is passed over when its time comes."""
        self._entries.pop(key, None)

    def close(self) -> None:
        """Call nothing any more."""
        self._entries.clear()
        self._heap.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if not self._heap:
            return
        due = self._heap[0].due
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._run)

    def _run(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0].due <= now:
            entry = heapq.heappop(self._heap)
            if self._entries.get(entry.key) is not entry:
                continue
            due, entry.due = entry.due, entry.beat.after(now)
            heapq.heappush(self._heap, entry)
            self._fire(entry.key, due)
        self._set_timer()
