# SPDX-License-Identifier: Apache-2.0
"""A client's connection joined with one of ours, byte for byte: what is spoken over it is not known here."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter

from controlplane.http.body import READ_SECONDS

if TYPE_CHECKING:
    from aiohttp._websocket.reader import WebSocketReader

CHUNK: Final = 64 * 1024
_MUCH: Final = 1 << 20
# These are about this connection or prove who the client is to us; what is behind has no business with them.
_KEPT_BACK: Final = frozenset({b"host", b"authorization", b"connection", b"transfer-encoding", b"expect"})
_IMPERSONATE: Final = b"impersonate-"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Spliced(web.StreamResponse):
    """A response whose bytes, status line included, came from the other side."""

    def __init__(self) -> None:
        """Nothing of this response's own is ever sent."""
        super().__init__()
        self.force_close()

    async def prepare(self, _request: web.BaseRequest, /) -> AbstractStreamWriter | None:
        """Send no status line: the other side's own went through."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no end: the connection is closed when both directions have ended."""


async def splice(
    request: web.BaseRequest, connection: Connection, host: str, target: str
) -> web.StreamResponse:
    """Send the client's request to target (path and query) of host, then copy both ways until either side ends."""
    reader, writer = connection
    transport = request.transport
    try:
        if transport is None:
            return Spliced()
        writer.write(_head(request, host, target))
        if _is_upgrade(request):
            # aiohttp's type asks for its own parser; what it calls are these two methods.
            request.protocol.set_parser(cast("WebSocketReader", _Upstream(writer, transport)))
        else:
            await _send_body(request, writer)
        await _copy(reader, StreamWriter(request.protocol, asyncio.get_running_loop()))
    finally:
        writer.close()
        if transport is not None:
            transport.close()
    return Spliced()


class _Upstream:
    """Feeds what the client sends to the other side; set as the connection's parser."""

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

    def feed_eof(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()
        else:
            self._writer.close()

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            return
        finally:
            self._draining = None
        if not self._client.is_closing():
            self._client.resume_reading()


def _is_upgrade(request: web.BaseRequest) -> bool:
    return "upgrade" in request.headers.get("Connection", "").lower()


def _head(request: web.BaseRequest, host: str, target: str) -> bytes:
    is_upgrade = _is_upgrade(request)
    lines = [f"{request.method} {target} HTTP/1.1\r\nHost: {host}".encode()]
    lines += [name + b": " + value for name, value in _passed_on(request.raw_headers)]
    lines.append(b"Connection: Upgrade" if is_upgrade else b"Connection: close")
    if not is_upgrade and request.body_exists and request.content_length is None:
        lines.append(b"Transfer-Encoding: chunked")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return (
        (name, value)
        for name, value in headers
        if name.lower() not in _KEPT_BACK and not name.lower().startswith(_IMPERSONATE)
    )


async def _send_body(request: web.BaseRequest, writer: asyncio.StreamWriter) -> None:
    """As long as it comes; a client that stops in the middle of it is given up."""
    if not request.body_exists:
        return
    chunked = request.content_length is None
    while True:
        async with asyncio.timeout(READ_SECONDS):
            chunk = await request.content.readany()
        if not chunk:
            break
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")


async def _copy(reader: asyncio.StreamReader, client: StreamWriter) -> None:
    """Copy until the other side ends or the client is gone; a slow client slows the other side down."""
    while (chunk := await reader.read(CHUNK)) and client.transport and not client.transport.is_closing():
        client.transport.write(chunk)
        await client.drain()
