# SPDX-License-Identifier: Apache-2.0
"""Reads a log without blocking the event loop, to its end or as long as its container runs."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from agent.logs.cursor import Cursor
from agent.logs.select import LogOptions, Piece

# How often a followed log is looked at for more, in seconds.
POLL = 0.1


async def open_cursor(path: Path, options: LogOptions) -> Cursor:
    """The log at its beginning, or where the options have it begin. Raises FileNotFoundError, and OSError."""
    return await asyncio.to_thread(Cursor, path, options)


async def read_log(
    cursor: Cursor, is_running: Callable[[], bool], *, follow: bool
) -> AsyncGenerator[bytes, None]:
    """The log's output in pieces, never empty ones. With follow it goes on until is_running says no.

    The caller's pace is the reader's: nothing is read ahead. The cursor is closed at the end.
    """
    try:
        async for piece in _all(cursor):
            yield piece
        while follow and not cursor.is_full:
            # Asked before looking for more: what was written until then is found.
            ended = not is_running()
            if await asyncio.to_thread(cursor.go_on):
                ended = False
            async for piece in _all(cursor):
                yield piece
            if ended:
                break
            await asyncio.sleep(POLL)
        if rest := cursor.rest():
            yield _joined(rest)
    finally:
        cursor.close()


async def _all(cursor: Cursor) -> AsyncGenerator[bytes, None]:
    """Up to the end of what there is now."""
    while not cursor.is_full and (piece := await asyncio.to_thread(cursor.read)) is not None:
        if piece:
            yield _joined(piece)


def _joined(pieces: list[Piece]) -> bytes:
    return b"".join(output for _, output in pieces)
