# SPDX-License-Identifier: Apache-2.0
"""Keeps container logs from filling the disk: a log that is too large is moved aside, the oldest are removed.

A rotation is a rename and a call of ReopenContainerLog; until that the runtime writes on to the file that was moved. An
agent that is killed in between leaves a container without a file of the log's name: the next one has it opened.
"""

import asyncio
import gzip
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.logs.files import GZ, TMP, RotatedFile, Stamp, rotated
from cri import CriError

log = logging.getLogger("orlop.agent")


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """Bytes of one file; number of files of a log, the one that is written included; seconds between two looks.

    Rotated files but the newest are compressed when the log has been quiet for compress_after seconds: one that is
    written so fast that it will soon be removed is not worth it.
    """

    max_size: int = 10 << 20
    max_files: int = 5
    interval: float = 1.0
    compress_after: float = 10.0


@dataclass(frozen=True, slots=True)
class RunningLog:
    """A running container and the path of its log, as the runtime states it."""

    container_id: str
    path: Path


@dataclass(slots=True)
class _Watched:
    size: int = 0
    at: float = 0
    due: float = 0
    rotated_at: float = 0


# A log that grows fast is looked at when it should be full, but not more often than this (seconds).
SHORTEST = 0.05
# A log that is not there is asked for again after so many seconds.
MISSING = 10.0

Reopen = Callable[[str], Awaitable[None]]
"""cri.Runtime.reopen_log."""


class Rotator:
    """Rotates the logs that `running` gives."""

    def __init__(
        self, running: Callable[[], Iterable[RunningLog]], reopen: Reopen, policy: RotationPolicy
    ) -> None:
        """Running is called at every look; reopen raises CriError."""
        self._running = running
        self._reopen = reopen
        self._policy = policy
        self._watched: dict[Path, _Watched] = {}

    async def run(self) -> None:
        """Look after the logs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rotate())
            group.create_task(self._compress())

    async def _rotate(self) -> None:
        while True:
            await self.look()
            now = time.monotonic()
            due = min(
                (watched.due for watched in self._watched.values()), default=now + self._policy.interval
            )
            await asyncio.sleep(min(max(due - now, SHORTEST), self._policy.interval))

    async def look(self, now: float | None = None) -> None:
        """Rotate the logs that are too large, of those whose time it is; now is in seconds of time.monotonic."""
        logs = {each.path: each for each in self._running()}
        self._watched = {path: self._watched.get(path, _Watched()) for path in logs}
        now = time.monotonic() if now is None else now
        for path, watched in self._watched.items():
            if watched.due <= now:
                await self._look_at(logs[path], watched, now)

    async def _look_at(self, running: RunningLog, watched: _Watched, now: float) -> None:
        try:
            size: int | None = running.path.stat().st_size
        except FileNotFoundError:
            size = None
        except OSError as error:
            log.warning("cannot look at log %s: %s", running.path, error.strerror)
            size = 0
        if size is None:
            await self._open_anew(running)
            watched.due = now + MISSING
            return
        if size >= self._policy.max_size:
            await self._move(running, watched)
        watched.due = now + self._pause(watched, size, now)
        watched.size, watched.at = size, now

    def _pause(self, watched: _Watched, size: int, now: float) -> float:
        """Until the log should be full at the rate of the time since the last look."""
        rate = max(0, size - watched.size) / (now - watched.at) if watched.at and now > watched.at else 0
        left = max(0, self._policy.max_size - size)
        return max(SHORTEST, min(self._policy.interval, left / rate if rate else self._policy.interval))

    async def _move(self, running: RunningLog, watched: _Watched) -> None:
        path = running.path
        try:
            aside = await asyncio.to_thread(move_aside, path, self._policy.max_files, datetime.now(UTC))
            await self._reopen(running.container_id)
        except OSError as error:
            log.warning("cannot rotate log %s: %s", path, error.strerror)
        except CriError as error:
            log.warning("cannot rotate log %s: %s", path, error)
            await asyncio.to_thread(_move_back, aside, path)
        else:
            watched.rotated_at = time.monotonic()

    async def _open_anew(self, running: RunningLog) -> None:
        """No log has this name: an agent was killed before it could tell the runtime."""
        try:
            await self._reopen(running.container_id)
        except CriError as error:
            log.info("log %s is not opened anew: %s", running.path, error)

    async def _compress(self) -> None:
        while True:
            await asyncio.sleep(self._policy.compress_after)
            await self.compress()

    async def compress(self) -> None:
        """Compress what lies aside of logs that have been quiet, one file after the other."""
        for path, watched in list(self._watched.items()):
            if time.monotonic() - watched.rotated_at >= self._policy.compress_after:
                try:
                    await asyncio.to_thread(compress_old, path)
                except OSError as error:
                    log.warning("cannot compress the old files of log %s: %s", path, error)


def move_aside(path: Path, max_files: int, now: datetime) -> Path:
    """Rename the log and remove the oldest files, so that max_files are left with the new one. Raises OSError."""
    kept = rotated(path)
    for old in excess(kept, max(0, max_files - 2)):
        old.path.unlink(missing_ok=True)
    target = path.with_name(f"{path.name}.{next_stamp(kept, now)}")
    path.rename(target)
    if max_files < 2:
        target.unlink(missing_ok=True)
    return target


def excess(files: list[RotatedFile], keep: int) -> list[RotatedFile]:
    """The files that are too many, both forms of each; files are oldest first."""
    stamps = sorted({file.stamp for file in files})
    gone = set(stamps[: max(0, len(stamps) - keep)])
    return [file for file in files if file.stamp in gone]


def next_stamp(files: list[RotatedFile], now: datetime) -> Stamp:
    """The name of a file that is rotated now: later than all others, whatever the clock says."""
    second = now.strftime("%Y%m%d-%H%M%S")
    newest = max((file.stamp for file in files), default=Stamp(""))
    return Stamp(second) if newest.second < second else Stamp(newest.second, newest.number + 1)


def compress_old(path: Path) -> None:
    """Compress all rotated files but the newest, and clear away what a killed agent left in the middle of it."""
    for left in path.parent.glob(f"{path.name}.*{TMP}"):
        left.unlink(missing_ok=True)
    files = rotated(path)
    packed = {file.stamp for file in files if file.is_gz}
    plain = [file for file in files if not file.is_gz]
    for file in plain[:-1]:
        if file.stamp not in packed:
            _compress(file.path)
        file.path.unlink(missing_ok=True)


def _compress(path: Path) -> None:
    """The packed file is whole on the disk before it has its name."""
    new = path.with_name(f"{path.name}{GZ}{TMP}")
    try:
        with path.open("rb") as source, new.open("wb") as target:
            # Readers pass over files that were written for the last time before what they ask for.
            stat = os.fstat(source.fileno())
            with gzip.GzipFile(path.name, "wb", fileobj=target, mtime=stat.st_mtime) as packer:
                shutil.copyfileobj(source, packer, 1 << 18)
            target.flush()
            os.fsync(target.fileno())
        os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        new.rename(path.with_name(path.name + GZ))
    except FileNotFoundError:
        # It was removed as one too many.
        new.unlink(missing_ok=True)


def _move_back(aside: Path, path: Path) -> None:
    """The runtime still writes to the file that was moved, so it gets its name back; unless another one has it."""
    if not path.exists() and aside.exists():
        aside.rename(path)
