# SPDX-License-Identifier: Apache-2.0
"""Writes logs as a container runtime does: to a file that it holds open, until it is told to open it anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class LogWriter:
    """One container's log; every record has a time of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written: list[bytes] = []
        self.refusals: list[Exception] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def record(self, text: bytes, stream: str = "stdout", tag: str = "F") -> bytes:
        """A line of the file; the Nth record is N milliseconds after BEGIN."""
        moment = BEGIN + timedelta(milliseconds=len(self.written))
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"
        return f"{stamp} {stream} {tag} ".encode() + text + b"\n"

    def write(self, text: bytes, stream: str = "stdout", tag: str = "F") -> None:
        self.raw(self.record(text, stream, tag))
        self.written.append(text)

    def raw(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()

    async def reopen(self, _container_id: str = "") -> None:
        """ReopenContainerLog."""
        if self.refusals:
            raise self.refusals.pop()
        self.reopen_now()

    def reopen_now(self) -> None:
        self._file.close()
        self._file = self.path.open("ab")

    def close(self) -> None:
        self._file.close()
