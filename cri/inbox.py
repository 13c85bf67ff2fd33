# SPDX-License-Identifier: Apache-2.0
"""Events between the task that reads and the one that consumes them; a slow consumer gets a RELIST."""

import asyncio
import time
from collections import deque

from cri.errors import CriError
from cri.model.event import Event, EventKind


def relist() -> Event:
    """Says that events may have been lost."""
    return Event(EventKind.RELIST, "", time.time_ns())


class Inbox:
    """At most `limit` events, or one RELIST in place of them all; then the error that ended the stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._error: CriError | None = None

    def put(self, event: Event) -> None:
        """Add an event; when the limit is passed, all that wait are lost and a RELIST says so."""
        if len(self._events) >= self._limit:
            self._events.clear()
            event = relist()
        self._events.append(event)
        self._changed.set()

    def end(self, error: CriError) -> None:
        """Nothing more will come, because of this."""
        self._error = error
        self._changed.set()

    async def get(self) -> Event:
        """The next event, waiting for it; raises the error that ended the stream when there is none left."""
        while not self._events:
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()
