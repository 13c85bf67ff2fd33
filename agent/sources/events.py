# SPDX-License-Identifier: Apache-2.0
"""When to look at a folder again: its inotify events, and which of its files are being written right now."""

import asyncio
import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agent.sources.inotify import Event, Inotify, Mask

log = logging.getLogger("orlop.agent")

_ENDED: Final = Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.UNMOUNT | Mask.IGNORED
_FOLDER: Final = (
    Mask.CREATE | Mask.MODIFY | Mask.CLOSE_WRITE | Mask.MOVED_FROM | Mask.MOVED_TO | Mask.DELETE
    | Mask.ATTRIB | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ONLYDIR
)  # fmt: skip
_ANCESTOR: Final = (
    Mask.CREATE | Mask.MOVED_TO | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ATTRIB | Mask.ONLYDIR
)


class FolderEvents:
    """Watches a folder, also through its removal and return; to be used as a context inside a running event loop.

    Without inotify (the user's limit is reached) `wait` only waits for its timeout, and a warning is logged once.
    """

    def __init__(self, folder: Path, *, open_inotify: Callable[[], Inotify] = Inotify) -> None:
        """The folder need not exist; then its nearest ancestor is watched."""
        self._open_inotify = open_inotify
        self._folder = folder.absolute()
        self._inotify: Inotify | None = None
        self._folder_wd: int | None = None
        self._ancestor_wd: int | None = None
        # Files that are being written, and when the last piece came.
        self._writing: dict[str, float] = {}
        # Files that were begun or changed since the last look began.
        self._touched: set[str] = set()
        self._woken = asyncio.Event()

    def begin_look(self) -> frozenset[str]:
        """To be called before files are read: names of those that somebody is writing now."""
        self.collect()
        self._touched.clear()
        return frozenset(self._writing)

    def end_look(self) -> frozenset[str]:
        """To be called after files were read: names of those that may have been caught half-written.

        Reading them again is due when `wait` returns, or has returned at once.
        """
        self.collect()
        return frozenset(self._writing) | self._touched

    def look_again(self, seconds: float) -> None:
        """Let `wait` return in this time at the latest."""
        asyncio.get_running_loop().call_later(seconds, self._woken.set)

    def __enter__(self) -> Self:
        try:
            self._inotify = self._open_inotify()
        except OSError as error:
            log.warning("cannot watch %s: %s; changes are seen at the next rescan", self._folder, error)
            return self
        self._arm()
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self.collect)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inotify:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()

    async def wait(self, seconds: float) -> None:
        """Return as soon as there is a reason to look, at the latest after this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            self._arm()
            self._forget_stalled(seconds)
        self._woken.clear()

    def collect(self) -> None:
        """Take in all events that the kernel has ready."""
        if self._inotify is None:
            return
        is_moved = False
        for event in self._inotify.read():
            is_moved |= event.wd != self._folder_wd or bool(event.mask & _ENDED)
            if event.wd in (self._folder_wd, -1) and self._is_reason(event):
                self._woken.set()
        if is_moved:
            self._arm()

    def _is_reason(self, event: Event) -> bool:
        if event.mask & (_ENDED | Mask.Q_OVERFLOW):
            self._writing.clear()
            return True
        return self._note_file(event)

    def _note_file(self, event: Event) -> bool:
        """Whether to look because of what happened to a file: not while it is being written."""
        is_begun = event.mask & Mask.CREATE and self._will_be_closed(event)
        if is_begun or event.mask & Mask.MODIFY:
            self._writing[event.name] = time.monotonic()
            self._touched.add(event.name)
            return False
        if event.mask & Mask.ATTRIB:
            return event.name not in self._writing
        self._writing.pop(event.name, None)
        return True

    def _will_be_closed(self, event: Event) -> bool:
        """Whether a new name is an empty file that its maker has open. Links, folders and pipes are whole at once."""
        if event.mask & Mask.ISDIR:
            return False
        try:
            state = os.lstat(self._folder / event.name)
        except OSError:
            return False
        return stat.S_ISREG(state.st_mode) and state.st_nlink == 1

    def _arm(self) -> None:
        """Watch what is at the folder's path now, or wait at its nearest ancestor for it to come."""
        if self._inotify is None:
            return
        before, ancestor_before = self._folder_wd, self._ancestor_wd
        self._folder_wd, self._ancestor_wd = self._watch_nearest(self._inotify)
        if self._folder_wd != before:
            self._writing.clear()
            self._woken.set()
        for old in {before, ancestor_before} - {self._folder_wd, self._ancestor_wd}:
            if old is not None:
                self._inotify.remove(old)

    def _watch_nearest(self, inotify: Inotify) -> tuple[int | None, int | None]:
        """The watch of the folder, or else that of its nearest ancestor."""
        ancestor = None
        # A nearer one may come between the calls, without an event: then the second round finds it.
        for _ in range(2):
            folder = self._try(inotify, self._folder, _FOLDER)
            if folder is not None:
                return folder, None
            tries = (self._try(inotify, path, _ANCESTOR) for path in self._folder.parents)
            ancestor = next((wd for wd in tries if wd is not None), None)
        return None, ancestor

    def _try(self, inotify: Inotify, path: Path, mask: Mask) -> int | None:
        try:
            return inotify.add(path, mask)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                log.warning("cannot watch %s: %s; changes are seen at the next rescan", path, error)
            return None

    def _forget_stalled(self, seconds: float) -> None:
        """Somebody who holds a file open for good must not keep it from being read."""
        stalled = [name for name, since in self._writing.items() if time.monotonic() - since >= seconds]
        for name in stalled:
            del self._writing[name]
