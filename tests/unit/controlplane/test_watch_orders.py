# SPDX-License-Identifier: Apache-2.0
"""What many watches are told while many write, over TLS: one order, whole, for whoever watches and comes back."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from controlplane.config import ControlPlaneConfig
from controlplane.main import started
from tests.support.https import Connection, client_tls

PATH = "/api/v1/namespaces/default/configmaps"
WATCHES = 100
WRITERS = 8
OBJECTS = 6
"""Of each writer: made, changed, and every other one removed."""
EVENTS = WRITERS * (2 * OBJECTS + OBJECTS // 2)
SECONDS = 120

Told = tuple[str, str, int]
"""Type, name and revision of an event."""


@dataclass(frozen=True, slots=True)
class Server:
    """A real server with its certificates, on SQLite."""

    port: int
    tls: ssl.SSLContext

    async def connect(self) -> Connection:
        return await Connection.open(self.port, self.tls)

    async def revision(self) -> int:
        connection = await self.connect()
        listed = await connection.ask("GET", PATH)
        connection.close()
        return int(listed["metadata"]["resourceVersion"])


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    config = ControlPlaneConfig(folder / "pki", f"sqlite://{folder}/store/db", port=0)
    async with started(config) as running:
        pair = running.pki.client("admin", datetime.now(UTC))
        yield Server(running.port, client_tls(running.pki.ca_path, pair.certificate_path, pair.key_path))


@dataclass(slots=True)
class Watching:
    """One watch and what it was told; whole is set when it has been told `count` events."""

    count: int
    told: list[Told] = field(default_factory=list)
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    connection: Connection | None = None

    async def begin(self, server: Server, after: int, query: str = "") -> None:
        self.connection = await server.connect()
        await self.connection.watch(f"{PATH}?watch=true&resourceVersion={after}{query}", self._take)

    async def end(self) -> list[Told]:
        await self.whole.wait()
        if self.connection is not None:
            self.connection.close()
        return self.told

    def _take(self, line: bytes) -> None:
        event = msgspec.json.decode(line)
        metadata = event["object"]["metadata"]
        if not self.whole.is_set():
            self.told.append((event["type"], metadata["name"], int(metadata["resourceVersion"])))
        if len(self.told) == self.count:
            self.whole.set()


async def write(server: Server, writer: int) -> None:
    connection = await server.connect()
    for number in range(OBJECTS):
        name = f"w{writer}-{number}"
        made = await connection.ask("POST", PATH, {"metadata": {"name": name}, "data": {"n": "1"}})
        await connection.ask("PUT", f"{PATH}/{name}", {**made, "data": {"n": "2"}})
        if number % 2:
            await connection.ask("DELETE", f"{PATH}/{name}")
    connection.close()


async def write_all(server: Server) -> None:
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write(server, writer))


async def come_back(server: Server, after: int) -> list[Told]:
    """A client whose connection breaks after every few events, and that goes on after the last one it has seen."""
    told: list[Told] = []
    while len(told) < EVENTS:
        watching = Watching(min(7, EVENTS - len(told)))
        await watching.begin(server, told[-1][2] if told else after)
        told += await watching.end()
    return told


def run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(SECONDS):
            await test

    asyncio.run(limited())


def test_a_hundred_watches_see_one_order_under_eight_writers_and_so_does_who_comes_back(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        async with serving(tmp_path) as server:
            after = await server.revision()
            watches = [Watching(EVENTS) for _ in range(WATCHES)]
            # Half of them are there before the first write, the others begin while it goes on.
            for watching in watches[::2]:
                await watching.begin(server, after)
            coming_back = [asyncio.create_task(come_back(server, after)) for _ in range(4)]
            writing = asyncio.create_task(write_all(server))
            for watching in watches[1::2]:
                await watching.begin(server, after)
            await writing
            orders = [await watching.end() for watching in watches]
            check_order(orders[0], after)
            assert all(order == orders[0] for order in orders)
            for told in await asyncio.gather(*coming_back):
                assert told == orders[0]
            await check_every_place(server, orders[0])

    run(body())


def check_order(told: list[Told], after: int) -> None:
    """It is the writers' own order for each object, and revisions grow."""
    revisions = [revision for _, _, revision in told]
    assert revisions == sorted(set(revisions))
    assert revisions[0] > after
    for writer in range(WRITERS):
        for number in range(OBJECTS):
            name = f"w{writer}-{number}"
            expected = ["ADDED", "MODIFIED", "DELETED"] if number % 2 else ["ADDED", "MODIFIED"]
            assert [kind for kind, found, _ in told if found == name] == expected


async def check_every_place(server: Server, whole: list[Told]) -> None:
    """Whoever begins after any event later on is told exactly the rest."""
    for place in range(0, EVENTS - 1, 11):
        watching = Watching(EVENTS - place - 1)
        await watching.begin(server, whole[place][2])
        assert await watching.end() == whole[place + 1 :]
