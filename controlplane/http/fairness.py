# SPDX-License-Identifier: Apache-2.0
"""Who is served first when there is too much to do: levels with seats of their own, and fair queues inside a level.

A level serves so many requests at once. Who comes then waits in a queue of his own user; users take turns. A user
whose queue is full is told to come back later (429), so that a flood costs its author, and nobody else, time.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from controlplane.errors import ApiError
from controlplane.request import Attributes

WAIT_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """seats: requests served at once; queue: requests of one user that may wait."""

    seats: int
    queue: int


LEVELS: Final[dict[str, LevelSettings]] = {
    "exempt": LevelSettings(1 << 30, 1),
    "leases": LevelSettings(64, 512),
    "node": LevelSettings(32, 256),
    "system": LevelSettings(32, 512),
    "workload": LevelSettings(24, 128),
    "default": LevelSettings(24, 128),
}


def level_of(attributes: Attributes) -> str:
    """Heartbeats and leader election before nodes, those before the system, those before everybody."""
    user = attributes.user
    if not attributes.is_resource:
        return "exempt"
    if attributes.resource == "leases" and user.name.startswith("system:"):
        return "leases"
    if "system:nodes" in user.groups:
        is_heartbeat = attributes.resource == "nodes" and attributes.subresource == "status"
        return "leases" if is_heartbeat else "node"
    if user.name.startswith("system:serviceaccount:"):
        return "system" if user.name.startswith("system:serviceaccount:kube-system:") else "workload"
    if "system:masters" in user.groups or user.name.startswith("system:kube-"):
        return "system"
    return "default"


class Fairness:
    """All levels."""

    def __init__(self, levels: dict[str, LevelSettings] | None = None) -> None:
        self._levels = {name: _Level(name, settings) for name, settings in (levels or LEVELS).items()}

    @asynccontextmanager
    async def seat(self, attributes: Attributes) -> AsyncIterator[None]:
        """Wait for a turn and keep the seat inside. Raises ApiError 429."""
        level = self._levels[level_of(attributes)]
        await level.enter(attributes.user.name)
        try:
            yield
        finally:
            level.leave()


class _Level:
    def __init__(self, name: str, settings: LevelSettings) -> None:
        self._name = name
        self._settings = settings
        self._taken = 0
        # Users in the order of their turns, each with those who wait.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, user: str) -> None:
        if self._taken < self._settings.seats and not self._queues:
            self._taken += 1
            return
        queue = self._queues.setdefault(user, deque())
        if len(queue) >= self._settings.queue:
            raise _too_many(self._name)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            self._give_up(user, turn)
            if isinstance(error, TimeoutError):
                raise _too_many(self._name) from error
            raise

    def leave(self) -> None:
        """The next one takes the seat."""
        while self._queues:
            user, queue = self._queues.popitem(last=False)
            turn = queue.popleft() if queue else None
            if queue:
                self._queues[user] = queue
            if turn is not None and not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    def _give_up(self, user: str, turn: asyncio.Future[None]) -> None:
        """A turn that came at the same moment goes on to the next one."""
        if turn.done() and not turn.cancelled():
            self.leave()
            return
        turn.cancel()
        queue = self._queues.get(user)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[user]


def _too_many(level: str) -> ApiError:
    text = f"too many requests, please try again later (priority level {level})"
    return ApiError(429, "TooManyRequests", text, retry_after=1)
