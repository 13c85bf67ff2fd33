# SPDX-License-Identifier: Apache-2.0
"""Which records are wanted and how they look: times, streams, limits; one state machine for reading and following."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.logs.record import STREAMS, Record, nanoseconds


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What a reader asks for, as in the API's PodLogOptions.

    since: nanoseconds since the epoch, 0 for all. tail: the last so many lines, None for all. limit: bytes of output,
    None for no limit. streams: of stdout and stderr.
    """

    since: int = 0
    tail: int | None = None
    limit: int | None = None
    timestamps: bool = False
    streams: frozenset[bytes] = field(default_factory=lambda: frozenset(STREAMS))


Piece = tuple[bytes, bytes]
"""The stream and what is shown of one record."""


class Selection:
    """Turns records into output, one after the other."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._since = options.since
        self._left = options.limit
        self._inside: set[bytes] = set()

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached: nothing more will come."""
        return self._left is not None and self._left <= 0

    def render(self, records: Iterable[Record]) -> list[Piece]:
        """The output of each record that is wanted."""
        pieces = []
        for record in records:
            if self.is_full:
                break
            if record.stream in self._options.streams and self._is_late_enough(record):
                pieces.append((record.stream, self._cut(self._prefix(record) + record.text)))
        return pieces

    def _is_late_enough(self, record: Record) -> bool:
        """Times only grow: once one is late enough, all that follow are."""
        if not self._since:
            return True
        at = nanoseconds(record.time)
        if at is None or at < self._since:
            return False
        self._since = 0
        return True

    def _prefix(self, record: Record) -> bytes:
        """The time, where a line begins: parts of one line have it once."""
        begins = record.stream not in self._inside
        if record.ends_line:
            self._inside.discard(record.stream)
        else:
            self._inside.add(record.stream)
        return record.time + b" " if self._options.timestamps and begins and record.time else b""

    def _cut(self, output: bytes) -> bytes:
        if self._left is not None:
            output = output[: self._left]
            self._left -= len(output)
        return output
