# SPDX-License-Identifier: Apache-2.0
"""Load of a known size: so many clients, each doing one thing after the other, and how long each took."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.bench.model import Row, percentile
from tests.support.https import Connection

SHARES = (0.5, 0.99)


@dataclass(slots=True)
class Times:
    """Milliseconds of single acts, and the seconds of all turns."""

    each: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.each) / self.seconds


Act = Callable[[Connection, str], Awaitable[object]]
"""One act of a client; the text is a name that no other act gets."""


async def turn(times: Times, clients: Sequence[Connection], acts: int, name: str, act: Act) -> None:
    """All clients at once, together so many acts."""

    async def client(number: int) -> None:
        for count in range(acts // len(clients)):
            begin = time.perf_counter()
            await act(clients[number], f"{name}-{number}-{count}")
            times.each.append((time.perf_counter() - begin) * 1000)

    begin = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(len(clients))))
    times.seconds += time.perf_counter() - begin


@asynccontextmanager
async def connected(port: int, tls: ssl.SSLContext | None, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections, closed at the end."""
    connections = [await Connection.open(port, tls) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def rows(name: str, what: str, ours: Times, reference: Times, against: str) -> list[Row]:
    """Rate and latencies beside a reference's."""
    found = [Row(f"{name}: {what}, to {against}", "/s", ours.rate, reference.rate, "", None)]
    for share in SHARES:
        mine, theirs = percentile(ours.each, share), percentile(reference.each, share)
        found.append(Row(f"{name}: p{share * 100:.0f}, to {against}", "ms", mine, theirs, "", None))
    return found
