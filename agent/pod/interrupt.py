# SPDX-License-Identifier: Apache-2.0
"""Ending what takes long when it is not wanted any more: a pull, a hook, a grace period that got shorter."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from agent.errors import AgentError

T = TypeVar("T")


class GivenUpError(AgentError):
    """What was done was given up half-way: what is wanted has changed meanwhile."""


class Interrupt:
    """A switch that is thrown once. Only work that may be broken off at any point is to be made interruptible."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def throw(self) -> None:
        """Give up what can be given up."""
        self._event.set()

    @property
    def is_thrown(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._event.is_set()

    async def unless(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, unless the switch is thrown before it is done: then it is cancelled, and this error raised."""
        task = asyncio.ensure_future(work)
        switch = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, switch}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise GivenUpError("given up: what is wanted has changed")
            return task.result()
        finally:
            switch.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
