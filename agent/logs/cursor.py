# SPDX-License-Identifier: Apache-2.0
"""A place in a log: reads on from it over rotations, without losing or repeating a line. Blocking, block by block."""

from collections.abc import Iterator
from pathlib import Path

from agent.logs.files import OpenLog, blocks, close_all, open_series
from agent.logs.record import Lines, Record, parse
from agent.logs.select import LogOptions, Piece, Selection
from agent.logs.tail import BLOCK, skip_to_tail


class Cursor:
    """Reads one log by its options; `close` it."""

    def __init__(self, path: Path, options: LogOptions) -> None:
        """Raises FileNotFoundError when there is no file of this log."""
        self._path = path
        self._selection = Selection(options)
        self._streams = options.streams
        self._files = open_series(path)
        self._files = self._files[:1] + _without_empty_end(self._files[1:])
        if not self._files:
            raise FileNotFoundError(f"there is no log {path}")
        self._files = _late_enough(self._files, options.since)
        if options.tail is not None:
            self._files = skip_to_tail(self._files, options.tail, options.streams)
        self._lines = Lines()
        self._blocks = blocks(self._files[0], BLOCK)

    def close(self) -> None:
        """Let go of all files."""
        close_all(self._files)

    @property
    def is_full(self) -> bool:
        """Whether the limit of the options is reached."""
        return self._selection.is_full

    def read(self) -> list[Piece] | None:
        """What comes next, perhaps nothing that is wanted; None at the end of what there is now."""
        while True:
            block = next(self._blocks, b"")
            if block:
                return self._output(self._lines.feed(block))
            if len(self._files) == 1:
                # Plain files grow: ask again the next time.
                self._blocks = blocks(self._files[0], BLOCK) if not self._files[0].is_gz else iter(())
                return None
            rest = self._lines.end()
            self._files.pop(0).close()
            self._blocks = blocks(self._files[0], BLOCK)
            if rest:
                # A line that was cut off; the next one does not belong to it.
                return self._output([line + b"\n" for line in rest])

    def rest(self) -> list[Piece]:
        """The last line, when it is not ended: for when nothing will be written any more."""
        return self._output(self._lines.end())

    def go_on(self) -> bool:
        """Whether the log was rotated and there is more to read, at the end of what this file has.

        A new file counts when something was written to it: until the runtime has opened it, the old one may grow.
        """
        current = self._files[-1]
        if _inode(self._path) in (None, current.inode):
            return False
        later = _without_empty_end(_later(open_series(self._path), current))
        self._files += later
        return bool(later)

    def _output(self, lines: list[bytes]) -> list[Piece]:
        return self._selection.render(self._wanted(lines))

    def _wanted(self, lines: list[bytes]) -> Iterator[Record]:
        """Without the lines before a tail that begins in a compressed file."""
        for line in lines:
            record = parse(line)
            if self._files[0].skip <= 0:
                yield record
            elif record.ends_line and record.stream in self._streams:
                self._files[0].skip -= 1


def _without_empty_end(series: list[OpenLog]) -> list[OpenLog]:
    """Without the last files that are empty; `go_on` finds them again."""
    while series and not series[-1].read_head():
        series.pop().close()
    return series


def _late_enough(series: list[OpenLog], since: int) -> list[OpenLog]:
    """Without the files that were written for the last time before `since`; at least the last one."""
    while len(series) > 1 and series[0].modified * 1e9 < since:
        series.pop(0).close()
    return series


def _later(series: list[OpenLog], current: OpenLog) -> list[OpenLog]:
    """What follows the current file; everything, when it was removed meanwhile."""
    at = next((index for index, log in enumerate(series) if log.is_same(current)), -1)
    close_all(series[: at + 1])
    return series[at + 1 :]


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
