# SPDX-License-Identifier: Apache-2.0
"""Hand an upgraded connection (exec, attach, port-forward) over to the runtime's streaming server, byte for byte.

The runtime answers Exec with a URL on its own HTTP server, which speaks SPDY and websockets. The client's request,
its headers included, goes there as it came; after that both directions are copied, so neither protocol is known here.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter
from aiohttp.typedefs import LooseHeaders

if TYPE_CHECKING:
    from aiohttp._websocket.reader import WebSocketReader

CHUNK = 64 * 1024
# The client is not read from while the runtime has so much to take.
_MUCH = 1 << 20
# This proved who the client is to the node; the runtime has no business with it.
_KEPT_BACK = frozenset({b"authorization"})


class _Upstream:
    """Feeds what the client sends after its request to the runtime; set as the connection's parser."""

    def __init__(self, writer: asyncio.StreamWriter, client: asyncio.Transport) -> None:
        self._writer = writer
        self._client = client
        self._draining: asyncio.Task[None] | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._writer.write(data)
        if self._draining is None and self._writer.transport.get_write_buffer_size() > _MUCH:
            self._client.pause_reading()
            self._draining = asyncio.create_task(self._drain())
        return False, b""

    async def _drain(self) -> None:
        with suppress(ConnectionError):
            await self._writer.drain()
        self._draining = None
        if not self._client.is_closing():
            self._client.resume_reading()

    def feed_eof(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()


class Spliced(web.StreamResponse):
    """A response whose bytes, status line included, were written by the runtime."""

    def __init__(self, headers: LooseHeaders | None = None) -> None:
        """Nothing of this response's own is ever sent."""
        super().__init__(headers=headers)
        self.force_close()

    async def prepare(self, _request: web.BaseRequest, /) -> AbstractStreamWriter | None:
        """Send no status line: the runtime's own went through."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no end: the connection is closed when both directions have ended."""


async def splice(request: web.Request, url: str) -> web.StreamResponse:
    """Connect the client of this request with the runtime's streaming URL until either side ends."""
    target = urlsplit(url)
    transport = request.transport
    if transport is None:
        return Spliced()
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    try:
        writer.write(_request_head(request, f"{target.path}?{target.query}" if target.query else target.path))
        # aiohttp's type asks for its own parser; what it calls are these two methods.
        request.protocol.set_parser(cast("WebSocketReader", _Upstream(writer, transport)))
        await _copy(reader, StreamWriter(request.protocol, asyncio.get_running_loop()))
    finally:
        writer.close()
        transport.close()
    return Spliced()


def _request_head(request: web.Request, path: str) -> bytes:
    lines = [f"{request.method} {path} HTTP/1.1".encode()]
    lines += [n + b": " + value for n, value in request.raw_headers if n.lower() not in _KEPT_BACK]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def _copy(reader: asyncio.StreamReader, client: StreamWriter) -> None:
    """Copy until the runtime ends or the client is gone; a slow client slows the runtime down, not this process."""
    while (chunk := await reader.read(CHUNK)) and client.transport and not client.transport.is_closing():
        client.transport.write(chunk)
        await client.drain()
