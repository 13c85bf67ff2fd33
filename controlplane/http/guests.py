# SPDX-License-Identifier: Apache-2.0
"""Everybody who is connected: how long one may stay without asking, and who goes when there is no room.

A connection costs a descriptor and some memory, whatever it is used for. So it has a deadline until its first request,
one for the rest of a request that has begun, and one for keeping quiet; while it is answered it has none here. When
no more are possible, a new one takes the place of one that has never shown who it is, or else of the one that has
been quiet for the longest time. Only when all are being answered a new one is refused.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum


class Stage(Enum):
    """What a connection is at."""

    BEGINNING = "beginning"
    READING = "reading"
    ANSWERING = "answering"
    QUIET = "quiet"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds.

    head: from the connection (TLS included), or the first byte of a request, to the end of its headers. quiet: between
    two requests; longer than clients keep idle connections (client-go: 90 s).
    """

    head: float = 15.0
    quiet: float = 300.0

    def of(self, stage: Stage) -> float | None:
        """How long a connection may be at this; None: as long as it takes."""
        if stage in (Stage.BEGINNING, Stage.READING):
            return self.head
        return self.quiet if stage is Stage.QUIET else None


@dataclass(slots=True, eq=False)
class Guest:
    """One connection. hang_up ends it at once; known: it has shown who it is."""

    hang_up: Callable[[], None]
    since: float
    stage: Stage = Stage.BEGINNING
    known: bool = False


@dataclass(slots=True)
class Guests:
    """All connections of a server, at most so many; clock: seconds that only grow."""

    most: int
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    # In the order in which they began to be what they are; the first one has been it for the longest time.
    _guests: dict[Guest, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._guests)

    def admit(self, hang_up: Callable[[], None]) -> Guest | None:
        """A new one, or None when there is no room and nobody to make some."""
        if len(self._guests) >= self.most and not self._make_room():
            return None
        guest = Guest(hang_up, self.clock())
        self._guests[guest] = None
        return guest

    def move(self, guest: Guest, stage: Stage) -> None:
        """It is at something else now."""
        if guest in self._guests:
            guest.stage, guest.since = stage, self.clock()
            del self._guests[guest]
            self._guests[guest] = None

    def leave(self, guest: Guest) -> None:
        """It is gone."""
        self._guests.pop(guest, None)

    def dismiss_all(self) -> None:
        """Hang up on everybody."""
        for guest in tuple(self._guests):
            self._dismiss(guest)

    def sweep(self) -> None:
        """Hang up on those that have had their time."""
        now = self.clock()
        for guest in [each for each in self._guests if self._is_late(each, now)]:
            self._dismiss(guest)

    def _is_late(self, guest: Guest, now: float) -> bool:
        allowed = self.patience.of(guest.stage)
        return allowed is not None and guest.since + allowed <= now

    def _make_room(self) -> bool:
        guest = next(self._strangers(), None) or next(self._quiet(), None)
        if guest is None:
            return False
        self._dismiss(guest)
        return True

    def _strangers(self) -> Iterator[Guest]:
        waiting = (each for each in self._guests if self.patience.of(each.stage) is not None)
        return (each for each in waiting if not each.known)

    def _quiet(self) -> Iterator[Guest]:
        return (each for each in self._guests if each.stage is Stage.QUIET)

    def _dismiss(self, guest: Guest) -> None:
        guest.stage = Stage.LEAVING
        guest.hang_up()
        self.leave(guest)
