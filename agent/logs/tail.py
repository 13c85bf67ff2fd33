# SPDX-License-Identifier: Apache-2.0
"""Where the last N lines of a log begin, found from its end: what comes before is not read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from agent.logs.files import OpenLog, blocks
from agent.logs.record import STREAMS, Record, parse, records

BLOCK = 64 * 1024
# Time, stream and tag of a record are within so many bytes of its beginning.
_HEAD = 128


@dataclass(slots=True)
class _Wanted:
    """How many lines are still to be found, and whether the one at the very end was looked at."""

    lines: int
    streams: frozenset[bytes]
    looked: bool = False

    def takes(self, record: Record) -> bool:
        """Count a record, coming from the end; False when it belongs to a line that is too much."""
        if record.stream not in self.streams:
            return True
        # A line that has not ended yet is one, too.
        if record.ends_line or not self.looked:
            if self.lines == 0:
                return False
            self.lines -= 1
        self.looked = True
        return True


def skip_to_tail(
    series: list[OpenLog], lines: int, streams: frozenset[bytes] = frozenset(STREAMS)
) -> list[OpenLog]:
    """Set the files so that reading begins with the last lines; gives the files that are to be read, closes the others.

    A compressed file can be read forward only: it is gone through, in pieces, when the lines reach back to it.
    """
    wanted = _Wanted(lines, streams)
    for index in range(len(series) - 1, -1, -1):
        log = series[index]
        skip = _skip_unpacked if log.is_gz else _skip_plain
        if skip(log, wanted):
            for earlier in series[:index]:
                earlier.close()
            return series[index:]
    return series


def _skip_plain(log: OpenLog, wanted: _Wanted) -> bool:
    """Whether the tail begins in this file; the file is set to where."""
    end = os.fstat(log.file.fileno()).st_size
    for start in _starts(log, end):
        head = os.pread(log.file.fileno(), min(_HEAD, end - start), start)
        whole = end - start <= len(head)
        record = parse(head if whole else head.partition(b"\n")[0] + b"\n")
        if not wanted.takes(record):
            log.file.seek(end)
            return True
        end = start
    return False


def _starts(log: OpenLog, end: int) -> Iterator[int]:
    """Where the file's lines begin, the last one first."""
    position = end
    # The newline at the very end begins no line.
    skip_at = end - 1
    while position > 0:
        begin = max(0, position - BLOCK)
        block = os.pread(log.file.fileno(), position - begin, begin)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if begin + at != skip_at:
                yield begin + at + 1
        position = begin
    if end:
        yield 0


def _skip_unpacked(log: OpenLog, wanted: _Wanted) -> bool:
    """The same for a compressed file, which is read twice: to count, and up to where the tail begins."""
    total = sum(
        1 for record in records(blocks(log, BLOCK)) if record.ends_line and record.stream in wanted.streams
    )
    log.file.seek(0)
    if total < wanted.lines:
        wanted.lines -= total
        wanted.looked = True
        return False
    log.skip = total - wanted.lines
    return True
