# SPDX-License-Identifier: Apache-2.0
"""Streams that stay open: written in batches, given up when the client is gone or too slow, ended together at stop."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Final

from aiohttp import web

WRITE_SECONDS: Final = 30.0
"""How long a client may take nothing of what it is sent."""
Farewell = Callable[[], bytes]
"""Gives the last bytes of a stream that ends by our will."""
_FULL: Final = 1 << 20
_SWEEP_SECONDS: Final = 2.0


class Stream:
    """One open answer: one task makes lines, another writes all that is there at once."""

    def __init__(
        self, request: web.BaseRequest, response: web.StreamResponse, farewell: Farewell, seconds: float
    ) -> None:
        """seconds: how long the client may take nothing."""
        self._seconds = seconds
        self._request = request
        self._response = response
        self._buffer = bytearray()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False
        self._farewell = farewell
        self._source: asyncio.Task[None] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the client has gone away."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def end(self) -> None:
        """Write what is there and the farewell, and finish cleanly."""
        if self._ended:
            return
        self._ended = True
        self._buffer += self._farewell()
        self._wake.set()
        if self._source is not None:
            self._source.cancel()

    async def run(self, lines: AsyncGenerator[bytes, None], seconds: float) -> None:
        """Send the lines until they end, the time is over, `end` is called or the client does not take them."""
        self._source = pump = asyncio.create_task(self._pump(lines))
        timer = asyncio.get_running_loop().call_later(seconds, self.end)
        try:
            with suppress(TimeoutError, ConnectionError):
                while not (self._ended and not self._buffer) and not self.is_lost:
                    await self._flush()
        finally:
            timer.cancel()
            pump.cancel()
            await asyncio.wait([pump])
        if not self.is_lost:
            with suppress(ConnectionError):
                await self._response.write_eof()

    async def _flush(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        data, self._buffer = self._buffer, bytearray()
        self._room.set()
        if data and not self.is_lost:
            await self._send(data)

    async def _send(self, data: bytearray) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise

    async def _pump(self, lines: AsyncGenerator[bytes, None]) -> None:
        try:
            async with aclosing(lines):
                async for line in lines:
                    self._buffer += line
                    self._wake.set()
                    if len(self._buffer) > _FULL:
                        self._room.clear()
                        await self._room.wait()
        finally:
            self.end()


class Streams:
    """All open streams of a server; write_seconds: how long a client may take nothing of what it is sent."""

    def __init__(self, write_seconds: float = WRITE_SECONDS) -> None:
        self.write_seconds = write_seconds
        self._open: set[Stream] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._stopping = False

    def __len__(self) -> int:
        return len(self._open)

    async def run(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        lines: AsyncGenerator[bytes, None],
        *,
        seconds: float,
        farewell: Farewell = bytes,
    ) -> None:
        """Keep one stream until its end, at most so long; response has been prepared."""
        stream = Stream(request, response, farewell, self.write_seconds)
        if self._stopping:
            stream.end()
        self._open.add(stream)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        try:
            await stream.run(lines, seconds)
        finally:
            self._open.discard(stream)

    async def stop(self) -> None:
        """End all streams cleanly; new ones end at once."""
        self._stopping = True
        for stream in tuple(self._open):
            stream.end()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    async def _sweep(self) -> None:
        """A client that left says nothing to a stream that has nothing to say: look after them."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for stream in tuple(self._open):
                if stream.is_lost:
                    stream.end()
