# SPDX-License-Identifier: Apache-2.0
"""A queue of keys to reconcile: each key once, never two at the same time, failures again after growing pauses."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Self, TypeVar

from kube.errors import ApiStatusError, UnreachableError

log = logging.getLogger(__name__)

Key = TypeVar("Key")

Reconcile = Callable[[Key], Awaitable[float | None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds: first, doubled for each further failure, at most longest."""

    first: float = 0.01
    longest: float = 300.0

    def pause(self, failures: int) -> float:
        """After so many failures in a row (1 is the first one)."""
        return min(self.first * 2.0 ** min(failures - 1, 40), self.longest)


DEFAULT_BACKOFF: Final = Backoff()


@dataclass(slots=True)
class WorkQueue(Generic[Key]):
    """Keys that wait. A key added while it is worked on comes again afterwards; one that waits already is not doubled.

    All methods are for the event loop's own thread.
    """

    backoff: Backoff = DEFAULT_BACKOFF
    _ready: deque[Key] = field(default_factory=deque)
    _waiting: set[Key] = field(default_factory=set)
    _working: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _timers: dict[Key, asyncio.TimerHandle] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is worked on; keys that come later do not count."""
        return not self._waiting and not self._working

    def add(self, key: Key) -> None:
        """Have the key worked on as soon as possible."""
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._working:
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on after a while; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer and timer.when() <= loop.time() + seconds:
            return
        if timer:
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def failed(self, key: Key) -> float:
        """Have the key worked on again after its next pause, which is returned."""
        self._failures[key] = failures = self._failures.get(key, 0) + 1
        # A little randomness keeps many keys that failed together from coming back together.
        pause = self.backoff.pause(failures) * random.uniform(0.9, 1.1)
        self.add_after(key, pause)
        return pause

    def forget(self, key: Key) -> None:
        """The key's failures are over."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Wait for the next key; done() must follow."""
        while not self._ready:
            self._wake.clear()
            await self._wake.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """The key is not worked on any more; when it was added meanwhile, it is next in line."""
        self._working.discard(key)
        if key in self._waiting:
            self._ready.append(key)
            self._wake.set()

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


async def work(queue: WorkQueue[Key], reconcile: Reconcile[Key], *, name: str, workers: int = 1) -> None:
    """Reconcile keys until cancelled. reconcile may return the seconds after which it wants to look again.

    Whatever it raises is a failure of that key alone: logged, and tried again after the queue's next pause.
    """
    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(_worker(queue, reconcile, name), name=f"{name} worker {number}")


async def _worker(queue: WorkQueue[Key], reconcile: Reconcile[Key], name: str) -> None:
    while True:
        key = await queue.get()
        try:
            again = await reconcile(key)
        except ApiStatusError as error:
            pause = queue.failed(key)
            # Somebody wrote or removed it in between: the next look sees that. Not worth a line in the log.
            level = logging.DEBUG if error.is_conflict or error.is_not_found else logging.WARNING
            log.log(level, "Cannot reconcile %s %s, again in %.2f s: %s", name, key, pause, error)
        except UnreachableError as error:
            log.warning("Cannot reconcile %s %s, again in %.2f s: %s", name, key, queue.failed(key), error)
        except Exception:  # one key's fault, even a bug, must not stop the others
            log.exception("Cannot reconcile %s %s, again in %.2f s", name, key, queue.failed(key))
        else:
            queue.forget(key)
            if again is not None:
                queue.add_after(key, again)
        finally:
            queue.done(key)
