# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/1.1 over TLS that costs little: one process can be a thousand nodes without taking the server's CPU.

It understands what our server sends (Content-Length or chunks, no other coding) and nothing more.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

_END = b"\r\n\r\n"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    code: int
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class RefusedError(Exception):
    """The server answered with an error; the text is what it said."""


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, or one watch until the connection is closed."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._taker: Callable[[bytes], None] | None = None
        self._lost = False

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None) -> Self:
        """To 127.0.0.1. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, "127.0.0.1", port, ssl=tls)
        return made

    async def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = _JSON, accept: str = _JSON
    ) -> Answer:
        """One request and its whole answer, whatever its code."""
        self._send(method, path, body, content_type, accept)
        return await self._answer()

    async def ask(self, method: str, path: str, obj: object = None, content_type: str = _JSON) -> Any:
        """JSON in, JSON out. Raises RefusedError for every code from 300 on."""
        body = b"" if obj is None else msgspec.json.encode(obj)
        answer = await self.request(method, path, body, content_type)
        if answer.code >= 300:
            raise RefusedError(f"{method} {path}: {answer.code} {answer.body[:500].decode()}")
        return answer.json

    async def watch(self, path: str, take: Callable[[bytes], None]) -> None:
        """Begin a watch: take is called with each line. Raises RefusedError when it cannot begin."""
        self._send("GET", path, b"", _JSON, _JSON)
        head = await self._head()
        if _code(head) != 200:
            raise RefusedError(f"watch {path}: {(await self._whole(head)).body[:500].decode()}")
        self._taker = _Lines(take).feed
        self._pass_on()

    def close(self) -> None:
        """At once, as a process that is killed."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_lost(self) -> bool:
        return self._lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._taker is not None:
            self._pass_on()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error or ConnectionResetError("the server closed the connection"))

    def _send(self, method: str, path: str, body: bytes, content_type: str, accept: str) -> None:
        if self._transport is None or self._lost:
            raise ConnectionResetError("the connection is closed")
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\nUser-Agent: orlop-bench\r\n"
        )
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"{head}\r\n".encode() + body)

    async def _answer(self) -> Answer:
        return await self._whole(await self._head())

    async def _whole(self, head: bytes) -> Answer:
        if (length := _length(head)) is not None:
            return Answer(_code(head), await self._exactly(length))
        decoder, body = _Chunks(), bytearray()
        while not decoder.ended:
            if not self._received:
                await self._more()
            body += decoder.feed(bytes(self._received))
            self._received.clear()
        return Answer(_code(head), bytes(body))

    async def _head(self) -> bytes:
        while (end := self._received.find(_END)) < 0:
            await self._more()
        head = bytes(self._received[:end])
        del self._received[: end + len(_END)]
        return head

    async def _exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            await self._more()
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    async def _more(self) -> None:
        if self._lost:
            raise ConnectionResetError("the server closed the connection")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _pass_on(self) -> None:
        if self._taker is not None and self._received:
            data = bytes(self._received)
            self._received.clear()
            self._taker(data)


class _Chunks:
    """RFC 9112, section 7.1: chunks in any pieces in, their content out."""

    def __init__(self) -> None:
        self.ended = False
        self._rest = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._rest += data
        content = bytearray()
        while (end := self._rest.find(b"\r\n")) >= 0:
            size = int(self._rest[:end], 16)
            after = end + 2 + size + 2
            if len(self._rest) < after:
                break
            content += self._rest[end + 2 : after - 2]
            del self._rest[:after]
            self.ended = self.ended or size == 0
        return bytes(content)


class _Lines:
    """The lines of a chunked stream."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._chunks = _Chunks()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + self._chunks.feed(data)).split(b"\n")
        for line in lines:
            self._take(line)


def _code(head: bytes) -> int:
    return int(head[9:12])


def _length(head: bytes) -> int | None:
    """The Content-Length; None: chunks."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def client_tls(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Verifies the server by this authority alone; loading the system's authorities would take memory for each node."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
