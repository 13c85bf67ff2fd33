# SPDX-License-Identifier: Apache-2.0
"""1,000 watches of one collection, each on a TLS connection of its own: from the start of a write until each has it.

The reference is bare aiohttp that writes the same bytes to 1,000 streams. One event at a time: the next write begins
when every watch has seen the one before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from kube import tls_buffers
from tests.bench.api_writes import PATH, configmap
from tests.bench.bare import bare
from tests.bench.controlplane import ControlPlane, controlplane
from tests.bench.load import connected
from tests.bench.model import Row, percentile

WATCHES = 1000
EVENTS = 30
SEEN_SECONDS = 60


class Seen:
    """When each watch got the event that was written last, in milliseconds after its write began."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self._begin = 0.0
        self._missing = 0
        self._all = asyncio.Event()

    def take(self, _line: bytes) -> None:
        self.latencies.append((time.perf_counter() - self._begin) * 1000)
        self._missing -= 1
        if not self._missing:
            self._all.set()

    async def event(self, write: Callable[[], Awaitable[object]]) -> None:
        self._all.clear()
        self._missing, self._begin = WATCHES, time.perf_counter()
        await write()
        async with asyncio.timeout(SEEN_SECONDS):
            await self._all.wait()


def run() -> list[Row]:
    # A thousand connections of this process.
    tls_buffers.shrink()
    with controlplane() as server:
        before = server.resident_mib()
        ours, resident = asyncio.run(_ours(server))
        with bare(server, b"") as port:
            reference = asyncio.run(_reference(server, port))
    name = f"API, {WATCHES} watches, write to event"
    return [
        Row(
            f"{name}: p50, to bare aiohttp", "ms", percentile(ours, 0.5), percentile(reference, 0.5), "", None
        ),
        Row(
            f"{name}: p99, to bare aiohttp",
            "ms",
            percentile(ours, 0.99),
            percentile(reference, 0.99),
            "",
            None,
        ),
        Row("API, memory of a watch", "KiB", (resident - before) * 1024 / WATCHES, None, "", None),
    ]


async def _ours(server: ControlPlane) -> tuple[list[float], float]:
    """Latencies, and the server's resident memory while the watches are there."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        watches = await stack.enter_async_context(connected(server.port, server.tls(), WATCHES))
        (writer,) = await stack.enter_async_context(connected(server.port, server.tls(), 1))
        listed = await writer.ask("GET", PATH)
        version = listed["metadata"]["resourceVersion"]
        for watch in watches:
            await watch.watch(f"{PATH}?watch=true&resourceVersion={version}", seen.take)
        for number in range(EVENTS):
            body = configmap(f"watched-{number}")
            await seen.event(lambda body=body: writer.request("POST", PATH, body))  # type: ignore[misc]
        return seen.latencies, server.resident_mib()


async def _reference(server: ControlPlane, port: int) -> list[float]:
    seen = Seen()
    async with AsyncExitStack() as stack:
        watches = await stack.enter_async_context(connected(port, server.tls(), WATCHES))
        (writer,) = await stack.enter_async_context(connected(port, server.tls(), 1))
        for watch in watches:
            await watch.watch("/watch", seen.take)
        for number in range(EVENTS):
            line = configmap(f"watched-{number}") + b"\n"
            await seen.event(lambda line=line: writer.request("POST", "/tell", line))  # type: ignore[misc]
    return seen.latencies
