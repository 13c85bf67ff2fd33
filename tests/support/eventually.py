# SPDX-License-Identifier: Apache-2.0
"""Waiting inside an event loop for a condition with a deadline, in place of sleeping."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; AssertionError when it does not within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not so within {seconds} s: {condition}")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def in_background(*jobs: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run these while the block lasts; one that fails fails the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
