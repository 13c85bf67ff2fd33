# SPDX-License-Identifier: Apache-2.0
"""What happened to a pod and how long each part took: the answer to "where did the time go, and why does it wait"."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

KEEP = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing done for the pod: at (seconds since the epoch) and took (seconds); error is "" when it went well."""

    phase: str
    target: str
    at: float
    took: float
    error: str = ""


@dataclass(slots=True)
class Timeline:
    """The last entries of one pod, oldest first; bounded, so a pod that crashes for weeks costs no more."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEEP))

    def add(self, entry: Entry) -> None:
        """Append, letting the oldest go."""
        self.entries.append(entry)

    def to_data(self) -> list[dict[str, object]]:
        """As plain data for JSON."""
        return [
            {"phase": e.phase, "target": e.target, "at": e.at, "took": e.took, "error": e.error}
            for e in self.entries
        ]


class Timed:
    """Makes blocks that tell the timeline how long they took; one that fails is told by who catches the error."""

    def __init__(self, timeline: Timeline, clock: Callable[[], float]) -> None:
        """clock gives seconds since the epoch."""
        self._timeline, self._clock = timeline, clock

    @contextmanager
    def __call__(self, phase: str, target: str) -> Iterator[None]:
        """A block for this part of what is done for the target."""
        at, started = self._clock(), time.monotonic()
        yield
        self._timeline.add(Entry(phase, target, at, time.monotonic() - started))
