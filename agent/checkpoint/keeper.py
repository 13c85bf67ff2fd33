# SPDX-License-Identifier: Apache-2.0
"""Reads the checkpoint once and keeps it up to date: the files that are different, a moment after the change."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from agent.checkpoint import files
from agent.checkpoint.entries import Entry, Remembered, decode, encode, entries
from agent.checkpoint.seal import Sealer

log = logging.getLogger("orlop.agent")

# Changes come in bursts; so much later they are all in one writing (seconds).
_SETTLE: Final = 0.2
_RETRY: Final = 10.0


class CheckpointKeeper:
    """One folder. load() first; then changed() whenever something did, while run() writes."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder, self._sealer = folder, sealer
        # What each file holds, by a digest of it in the open: sealing gives other bytes each time.
        self._written: dict[str, bytes] = {}
        self._changed = asyncio.Event()

    def load(self) -> Remembered:
        """Everything that is there. What cannot be read is told, removed, and passed over."""
        remembered, broken = decode(files.read_all(self._folder), self._sealer)
        for name, why in broken.items():
            log.warning("checkpoint %s is not used and removed: %s", self._folder / name, why)
        files.remove(self._folder, broken)
        self._written = {entry.name: _digest(entry) for entry in entries(remembered)}
        return remembered

    def changed(self) -> None:
        """Something is different: write it soon."""
        self._changed.set()

    def save(self, remembered: Remembered) -> None:
        """Write what is different now and remove what is not there any more; blocks while the disk does."""
        files.make(self._folder)
        wanted = {entry.name: entry for entry in entries(remembered)}
        for name, entry in wanted.items():
            digest = _digest(entry)
            if self._written.get(name) != digest:
                files.write(self._folder, name, encode(entry, self._sealer))
                self._written[name] = digest
        gone = self._written.keys() - wanted.keys()
        files.remove(self._folder, gone)
        for name in gone:
            del self._written[name]
        files.sync(self._folder)

    async def run(self, picture: Callable[[], Remembered]) -> None:
        """Save pictures until cancelled; a disk that is full costs lines in the log."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SETTLE)
            self._changed.clear()
            try:
                await asyncio.to_thread(self.save, picture())
            except OSError as error:
                log.warning("cannot write the checkpoint %s: %s", self._folder, error)
                self._changed.set()
                await asyncio.sleep(_RETRY)


def _digest(entry: Entry) -> bytes:
    text = msgspec.json.encode(entry.content, order="deterministic")
    return hashlib.sha256(text).digest()
