# SPDX-License-Identifier: Apache-2.0
"""Reads a log without blocking the event loop, to its end or as long as its container runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from agent.logs.cursor import Cursor
from agent.logs.select import LogOptions, Piece

# How often a followed log is looked at for more, in seconds.
POLL = 0.1


async def read_log(path: Path, options: LogOptions, is_running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log's output in pieces, never empty ones. With options.follow it goes on until is_running says no.

    The caller's pace is the reader's: nothing is read ahead. Raises FileNotFoundError, and OSError.
    """
    cursor = await asyncio.to_thread(Cursor, path, options)
    try:
        async for piece in _all(cursor):
            yield piece
        while options.follow and not cursor.is_full:
            # Asked before looking for more: what was written until then is found.
            ended = not is_running()
            if await asyncio.to_thread(cursor.go_on, at_once=ended):
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


async def _all(cursor: Cursor) -> AsyncIterator[bytes]:
    """Up to the end of what there is now."""
    while not cursor.is_full and (piece := await asyncio.to_thread(cursor.read)) is not None:
        if piece:
            yield _joined(piece)


def _joined(pieces: list[Piece]) -> bytes:
    return b"".join(output for _, output in pieces)
