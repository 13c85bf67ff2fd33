# SPDX-License-Identifier: Apache-2.0
"""Answers that hold for a while, and are asked for once when many want them at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

LARGEST = 4096


class AnswerCache(Generic[Answer]):
    """Bounded: the answer that was given longest ago goes first. Failures are not kept."""

    def __init__(self, keeps: Callable[[Answer], float], clock: Callable[[], float]) -> None:
        """Keeps gives for how many seconds an answer holds; clock gives seconds."""
        self._keeps = keeps
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[Answer, float]] = OrderedDict()
        self._asked: dict[Hashable, asyncio.Task[Answer]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer that is kept, or what `ask` gives; its exceptions go to all who wait."""
        kept = self._kept.get(key)
        if kept is not None and kept[1] > self._clock():
            return kept[0]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask))
            self._asked[key] = task
            task.add_done_callback(lambda task: self._ended(key, task))
        return await asyncio.shield(task)

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await ask()
        self._kept.pop(key, None)
        self._kept[key] = (answer, self._clock() + self._keeps(answer))
        while len(self._kept) > LARGEST:
            self._kept.popitem(last=False)
        return answer

    def _ended(self, key: Hashable, task: "asyncio.Task[Answer]") -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            # Those who waited may be gone; then nobody else reads it.
            task.exception()
