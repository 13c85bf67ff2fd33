# SPDX-License-Identifier: Apache-2.0
"""The folder and the API server at once: a merged snapshot whenever one of them has a new one."""

import asyncio
from collections.abc import AsyncIterator

from agent.sources.merge import merge
from agent.sources.model import Snapshot


async def follow_both(
    folder: AsyncIterator[Snapshot], api: AsyncIterator[Snapshot] | None
) -> AsyncIterator[Snapshot]:
    """Merged snapshots; before a source has spoken, it is blind. A failure of one ends both."""
    if api is None:
        async for snapshot in folder:
            yield snapshot
        return
    latest = {"folder": Snapshot(is_blind=True), "api": Snapshot(is_blind=True)}
    news = asyncio.Event()

    async def read(name: str, source: AsyncIterator[Snapshot]) -> None:
        async for snapshot in source:
            latest[name] = snapshot
            news.set()

    readers = [asyncio.create_task(read("folder", folder)), asyncio.create_task(read("api", api))]
    for reader in readers:
        reader.add_done_callback(lambda _: news.set())
    try:
        while True:
            await news.wait()
            news.clear()
            for reader in readers:
                if reader.done():
                    reader.result()
            yield merge(latest["folder"], latest["api"])
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
