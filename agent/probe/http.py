# SPDX-License-Identifier: Apache-2.0
"""httpGet: a GET whose answer has a status from 200 to 399. Certificates are not looked at.

Redirects are followed on the same host only; one that leads elsewhere is a success with a warning, as in the kubelet.
aiohttp's client is not used: it repeats a GET whose connection broke, by itself, and changes headers.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import h11
from yarl import URL

from agent.probe.model import HttpCheck, Outcome, Result
from agent.probe.render import authority

# What is read of a body, and told of it, in bytes; the kubelet's number.
BODY_LIMIT = 10 * 1024
REDIRECTS = 10
_REDIRECT = (301, 302, 303, 307, 308)
_CHUNK = 16 * 1024
_PORTS = {"http": 80, "https": 443}


class _ProbeFailedError(Exception):
    """The answer did not come, or was none; the text is Go's, which people search for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: str


async def probe_http(check: HttpCheck, timeout: float) -> Result:
    """The outcome, within timeout seconds, over connections of its own, as a new client of the pod would come."""
    try:
        async with asyncio.timeout(timeout):
            return await _follow(check)
    except TimeoutError:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    except _ProbeFailedError as error:
        why = str(error)
    except (OSError, ValueError) as error:
        why = str(error) or type(error).__name__
    return Result(Outcome.FAILURE, f'Get "{check.url}": {why}')


async def _follow(check: HttpCheck) -> Result:
    url = first = _url(check.url)
    for _ in range(REDIRECTS):
        answer = await _get(url, check.headers)
        if answer.status not in _REDIRECT or not answer.location:
            return _judged(answer)
        url = url.join(_url(answer.location))
        if url.host != first.host:
            text = f"Probe terminated redirects, Response body: {answer.body}"
            return Result(Outcome.SUCCESS, text, warning=True)
    raise _ProbeFailedError(f"stopped after {REDIRECTS} redirects")


def _url(text: str) -> URL:
    """As it was written where that can be sent, else with what must be escaped."""
    return URL(text, encoded=text.isascii() and text.isprintable() and " " not in text)


def _judged(answer: _Answer) -> Result:
    if 200 <= answer.status < 400:
        return Result(Outcome.SUCCESS, answer.body)
    return Result(Outcome.FAILURE, f"HTTP probe failed with statuscode: {answer.status}")


async def _get(url: URL, headers: Iterable[tuple[str, str]]) -> _Answer:
    connection = h11.Connection(h11.CLIENT)
    request = _request(connection, url, headers)
    reader, writer = await _connect(url)
    try:
        writer.write(request)
        return await _Reading(connection, reader).answer()
    except h11.RemoteProtocolError as error:
        raise _ProbeFailedError(f"malformed HTTP response: {error}") from error
    except (ConnectionError, ssl.SSLError) as error:
        raise _ProbeFailedError(f"read tcp {_place(url)}: {_words(error)}") from error
    finally:
        writer.close()


def _request(connection: h11.Connection, url: URL, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [*headers, ("Connection", "close")]
    if not any(name.lower() == "host" for name, _ in lines):
        lines.insert(0, ("Host", url.raw_authority))
    try:
        start = connection.send(h11.Request(method="GET", target=url.raw_path_qs, headers=lines))
        return (start or b"") + (connection.send(h11.EndOfMessage()) or b"")
    except h11.LocalProtocolError as error:
        raise _ProbeFailedError(f"cannot send these headers: {error}") from error


async def _connect(url: URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = _trusting() if url.scheme == "https" else None
    try:
        return await asyncio.open_connection(url.host, _port(url), ssl=secure, limit=_CHUNK)
    except ssl.SSLError as error:
        raise _ProbeFailedError(f"tls: {error.reason or error}") from error
    except OSError as error:
        raise _ProbeFailedError(f"dial tcp {_place(url)}: connect: {_words(error)}") from error


class _Reading:
    """Reads one answer; of its body only the beginning."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader) -> None:
        self._connection = connection
        self._reader = reader

    async def answer(self) -> _Answer:
        response = await self._next()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next()
        if not isinstance(response, h11.Response):
            raise _ProbeFailedError("EOF")
        location = next((value for name, value in response.headers if name == b"location"), b"")
        return _Answer(response.status_code, location.decode("latin-1"), await self._body())

    async def _body(self) -> str:
        body = bytearray()
        while len(body) < BODY_LIMIT and isinstance(event := await self._next(), h11.Data):
            body += event.data
        return bytes(body[:BODY_LIMIT]).decode("utf-8", "replace")

    async def _next(self) -> object:
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_CHUNK)
            if not data and self._connection.their_state is h11.SEND_RESPONSE:
                raise _ProbeFailedError("unexpected EOF" if self._connection.trailing_data[0] else "EOF")
            self._connection.receive_data(data)
        return event


@cache
def _trusting() -> ssl.SSLContext:
    """Any certificate, and what old servers speak: a probe asks whether the server answers, not who it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _port(url: URL) -> int:
    return url.port or _PORTS.get(url.scheme, 80)


def _place(url: URL) -> str:
    return authority(url.host or "", _port(url))


def _words(error: OSError) -> str:
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0).lower() if known else str(error) or type(error).__name__
