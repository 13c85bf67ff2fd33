# SPDX-License-Identifier: Apache-2.0
"""How long history is kept: pure decisions from marks of (time, revision, bytes so far)."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

MARK_SECONDS = 10
LEAST_SECONDS = 5 * 60
"""A client that was away for five minutes finds its place again, whatever the bounds say."""


@dataclass(frozen=True, slots=True)
class Retention:
    """History of `seconds`, or of `size` bytes of values if that is less, but of LEAST_SECONDS always."""

    seconds: int = 30 * 60
    size: int = 256 << 20

    def __post_init__(self) -> None:
        if self.seconds < LEAST_SECONDS:
            raise ValueError(f"cannot keep history for {self.seconds} s: at least {LEAST_SECONDS} s are kept")


@dataclass(frozen=True, slots=True)
class Mark:
    """At `time` (seconds) the newest write was `revision`, and values of `size` bytes had been written."""

    time: float
    revision: int
    size: int


def compaction_point(marks: Iterable[Mark], now: float, size: int, retention: Retention) -> int:
    """The revision to compact at, 0 for none. marks: oldest first; size: bytes written until now."""
    point = 0
    for mark in marks:
        age = now - mark.time
        too_much = size - mark.size >= retention.size and age >= LEAST_SECONDS
        if age >= retention.seconds or too_much:
            point = mark.revision
    return point


@dataclass(frozen=True, slots=True)
class Noted:
    """A new mark, and the revision to compact at or 0."""

    mark: Mark
    point: int


class Keeper:
    """Collects the marks of a store while it writes."""

    def __init__(self, retention: Retention, marks: Iterable[Mark] = ()) -> None:
        """marks: those of an earlier run of the same store, oldest first."""
        self._retention = retention
        self._marks = deque(marks)
        self._size = self._marks[-1].size if self._marks else 0

    def note(self, now: float, revision: int, size: int) -> Noted | None:
        """Writes of so many bytes reached `revision`. Looks at the marks every 10 s, else it is None."""
        self._size += size
        if self._marks and 0 <= now - self._marks[-1].time < MARK_SECONDS:
            return None
        self._marks.append(Mark(now, revision, self._size))
        point = compaction_point(self._marks, now, self._size, self._retention)
        while self._marks[0].revision <= point and len(self._marks) > 1:
            self._marks.popleft()
        return Noted(self._marks[-1], point)
