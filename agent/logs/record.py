# SPDX-License-Identifier: Apache-2.0
"""Lines of CRI's log format: "<RFC 3339 time> <stdout|stderr> <P|F> <text>".

P marks a part that goes on in the next line. A line that is not so is passed through as it is. Nothing here needs more
memory than LONGEST, whatever a file has in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

# Runtimes cut at 16 KiB; what is longer was not written by one, and is handed on in pieces.
LONGEST = 1 << 20
STREAMS = (b"stdout", b"stderr")
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """What a container wrote in one go. time is as in the file, b"" for what is no CRI line; text has its newline."""

    time: bytes
    stream: bytes
    text: bytes

    @property
    def ends_line(self) -> bool:
        """Whether the container's line ends here."""
        return self.text.endswith(b"\n")


def parse(line: bytes) -> Record:
    """One line of a file, with or without its newline."""
    fields = line.split(b" ", 3)
    if len(fields) < 3 or fields[1] not in STREAMS:
        return Record(b"", STREAMS[0], line)
    time, stream, tag = fields[:3]
    text = fields[3] if len(fields) > 3 else b""
    if tag.rstrip(b"\n").partition(b":")[0] == b"P":
        return Record(time, stream, text.removesuffix(b"\n"))
    return Record(time, stream, text if text.endswith(b"\n") else text + b"\n")


class Lines:
    """Cuts blocks of a file into lines; keeps the last one until it is whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, block: bytes) -> list[bytes]:
        """The lines that this block completes, and pieces of one that is too long."""
        lines = _split(self._rest + block)
        self._rest = b""
        if lines and not lines[-1].endswith(b"\n") and len(lines[-1]) < LONGEST:
            self._rest = lines.pop()
        return lines

    def end(self) -> list[bytes]:
        """What is left at the end of a file: a line that was cut off."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _split(data: bytes) -> list[bytes]:
    """At newlines only; a carriage return belongs to the text."""
    parts = data.split(b"\n")
    last = parts.pop()
    return [part + b"\n" for part in parts] + ([last] if last else [])


def records(blocks: Iterable[bytes]) -> Iterator[Record]:
    """A whole file's records."""
    lines = Lines()
    for block in blocks:
        yield from map(parse, lines.feed(block))
    yield from map(parse, lines.end())


def nanoseconds(time: bytes) -> int | None:
    """The time of a record, in nanoseconds since the epoch; None for what is no time."""
    text = time.decode("ascii", "replace")
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    zone = rest[digits:] if dot else ""
    try:
        moment = datetime.fromisoformat(whole + zone)
        if moment.tzinfo is None:
            return None
        return int(moment.timestamp()) * _NANOSECONDS + int(f"{rest[:digits]:0<9}"[:9] if dot else 0)
    except (ValueError, OverflowError):
        return None
