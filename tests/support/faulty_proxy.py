# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback in the test's own event loop, whose faults a test chooses: away, hanging, nonsense."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

_GARBAGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"kind": \x00\xff no json]'


class Mode(Enum):
    """What happens to a connection."""

    PASS = auto()
    REFUSE = auto()
    HANG = auto()
    GARBAGE = auto()


class FaultyProxy:
    """Passes connections on to a port of 127.0.0.1, until told otherwise; connections that are there are cut then."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._mode = Mode.PASS
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def turn(self, mode: Mode) -> None:
        """From now on connections fare so."""
        self._mode = mode
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._treat(reader, writer)
        except* (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _treat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.HANG:
            await asyncio.Event().wait()
        elif self._mode is Mode.GARBAGE:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_GARBAGE)
            await writer.drain()
        elif self._mode is Mode.PASS:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_copy(reader, back))
                    group.create_task(_copy(there, writer))
            finally:
                back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def faulty_proxy(target: int) -> AsyncIterator[FaultyProxy]:
    """The proxy in front of a port, while the block lasts."""
    proxy = FaultyProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.turn(Mode.REFUSE)
