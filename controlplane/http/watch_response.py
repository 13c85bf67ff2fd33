# SPDX-License-Identifier: Apache-2.0
"""A watch on the wire: one JSON line an event, bookmarks now and then, an end at timeoutSeconds."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.http.media import Media, not_acceptable
from controlplane.http.respond import add_headers
from controlplane.http.streams import Streams
from controlplane.http.watch_lines import Lines, failure
from controlplane.verbs.call import Call
from controlplane.verbs.watch import Event, EventType, WatchOptions, watch

LEAST_SECONDS: Final = 1800
"""Without timeoutSeconds a watch lasts this long, up to twice that, so that not all come back at once."""
BOOKMARK_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a client asked for; seconds 0: not said."""

    call: Call
    options: WatchOptions
    media: Media
    include: str = "Metadata"
    seconds: int = 0


async def send_watch(
    request: web.BaseRequest, engine: Engine, streams: Streams, lines: Lines, asked: WatchRequest
) -> web.StreamResponse:
    """Answer with a stream of events until its time is over, the client goes, or the server stops."""
    if asked.media.yaml:
        raise not_acceptable("application/json")
    # Options that make no sense are refused before the stream begins.
    events = watch(engine, asked.call, asked.options)
    response = web.StreamResponse(headers={"Content-Type": asked.media.content_type})
    add_headers(response, asked.call.warnings)
    response.enable_chunked_encoding()
    await response.prepare(request)
    writer = _Writer(lines, asked)
    seconds = asked.seconds or LEAST_SECONDS * (1 + random.random())
    made = _lines(events, writer)
    await streams.run(request, response, made, seconds=seconds, farewell=writer.last_bookmark)
    return response


async def _lines(events: AsyncGenerator[Event, None], writer: "_Writer") -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(events):
            async for event in events:
                if line := writer.line(event):
                    yield line
    except ApiError as error:
        yield failure(error)


class _Writer:
    """What one watch has been told."""

    def __init__(self, lines: Lines, asked: WatchRequest) -> None:
        self._lines = lines
        self._asked = asked
        self._first = True
        self._known = 0
        self._told = 0
        self._bookmark_at = 0.0

    def line(self, event: Event) -> bytes:
        """The event's line, or nothing for a bookmark that has time."""
        self._known = event.revision
        if event.type is EventType.BOOKMARK and not event.initial_end and not self._is_due():
            return b""
        return self._render(event)

    def last_bookmark(self) -> bytes:
        """What is known and was not told, before the stream ends."""
        if not self._asked.options.bookmarks or self._known <= self._told:
            return b""
        return self._render(Event(EventType.BOOKMARK, self._known))

    def _render(self, event: Event) -> bytes:
        self._told = max(self._told, event.revision)
        asked = self._asked
        line = self._lines.render(event, asked.call.resource, asked.media, asked.include, first=self._first)
        self._first = self._first and event.stored is None
        return line

    def _is_due(self) -> bool:
        if not self._asked.options.bookmarks:
            return False
        now = asyncio.get_running_loop().time()
        if now < self._bookmark_at:
            return False
        self._bookmark_at = now + BOOKMARK_SECONDS
        return True
