# SPDX-License-Identifier: Apache-2.0
"""The newest changes, in memory, once for all watches: bounded in number and in bytes."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.store.interface import Change

Wanted = Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept for watches that fall behind; past that they read history. size: bytes of values."""

    count: int = 10_000
    size: int = 16 << 20


class Recent:
    """Changes in the order of revisions; every change after `floor` is here."""

    def __init__(self, floor: int, bounds: Bounds) -> None:
        self.floor = floor
        self._bounds = bounds
        self._changes: list[Change] = []
        self._start = 0
        self._size = 0

    def append(self, changes: Sequence[Change]) -> None:
        """Add newer changes, drop the oldest past the bounds."""
        self._changes.extend(changes)
        self._size += sum(map(weight, changes))
        while self._size > self._bounds.size or len(self._changes) - self._start > self._bounds.count:
            oldest = self._changes[self._start]
            self._start += 1
            self._size -= weight(oldest)
            self.floor = oldest.record.mod_revision
        # Dropping from the front of a list moves the rest: done once for many.
        if self._start > max(64, len(self._changes) // 2):
            del self._changes[: self._start]
            self._start = 0

    def read(self, prefix: str, after: int, limit: int, wanted: Wanted | None = None) -> list[Change]:
        """At most `limit` changes of the range with revisions greater than after (which is not below floor)."""
        found: list[Change] = []
        begin = bisect_right(self._changes, after, lo=self._start, key=_revision)
        for position in range(begin, len(self._changes)):
            change = self._changes[position]
            if change.record.key.startswith(prefix) and (wanted is None or wanted(change)):
                found.append(change)
                if len(found) == limit:
                    break
        return found

    def reset(self, floor: int) -> None:
        """Forget all: there is a gap before floor."""
        self._changes, self._start, self._size, self.floor = [], 0, 0, floor


def weight(change: Change) -> int:
    """Bytes of its values."""
    return len(change.record.value) + len(change.previous or b"")


def _revision(change: Change) -> int:
    return change.record.mod_revision
