# SPDX-License-Identifier: Apache-2.0
"""The one thread that writes: what waits when it is free goes into one transaction, and so into one fsync."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from controlplane.store.errors import StoreError, UnavailableError
from controlplane.store.interface import Change
from controlplane.store.sqlite.connection import told
from controlplane.store.sqlite.operations import Operation

GROUP = 512
"""Writes in one transaction at most: bounds what one slow commit delays."""

Publish = Callable[[Sequence[Change], int], None]
"""Called in the event loop with a committed group's changes and the revision reached, before its writers go on."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    operation: Operation
    done: asyncio.Future[Change | None]


Outcome = Change | StoreError | None


class Writer:
    """Takes operations from the event loop, commits them in groups, and answers after the commit."""

    def __init__(self, connection: sqlite3.Connection, path: Path, revision: int, publish: Publish) -> None:
        """revision: the newest of the file. The connection is the thread's from now on, which closes it."""
        self.revision = revision
        self._connection = connection
        self._path = path
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, operation: Operation) -> Change | None:
        """Durable when this returns. A caller that is cancelled does not undo its write."""
        if self._closed:
            raise UnavailableError(f"cannot write {self._path}: the store is closed")
        waiting = _Waiting(operation, self._loop.create_future())
        self._queue.put(waiting)
        return await waiting.done

    async def close(self) -> None:
        """Finish what was asked for, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ending = False
        while not ending:
            group, ending = self._take()
            if group:
                outcomes = self._commit(group)
                self._loop.call_soon_threadsafe(self._answer, group, outcomes, self.revision)
        self._connection.close()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits, but at least one; whether close was asked for behind it."""
        first = self._queue.get()
        group: list[_Waiting] = []
        while first is not None:
            group.append(first)
            if len(group) == GROUP:
                return group, False
            try:
                first = self._queue.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Waiting]) -> list[Outcome]:
        try:
            with told("write", self._path):
                return self._transact(group)
        except StoreError as error:
            text = str(error)
        except Exception as error:  # noqa: BLE001 - a thread that died would leave every writer waiting for ever
            text = f"cannot write {self._path}: {error!r}"
        return [UnavailableError(text) for _ in group]

    def _transact(self, group: list[_Waiting]) -> list[Outcome]:
        connection, revision = self._connection, self.revision
        outcomes: list[Outcome] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for waiting in group:
                outcome = _outcome(waiting.operation, connection, revision + 1)
                revision += isinstance(outcome, Change)
                outcomes.append(outcome)
            connection.execute("COMMIT")
        finally:
            # After a full disk SQLite has rolled back by itself, or has not.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        self.revision = revision
        return outcomes

    def _answer(self, group: list[_Waiting], outcomes: list[Outcome], revision: int) -> None:
        changes = [outcome for outcome in outcomes if isinstance(outcome, Change)]
        if changes:
            self._publish(changes, revision)
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.done.cancelled():
                continue
            if isinstance(outcome, StoreError):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome)


def _outcome(operation: Operation, connection: sqlite3.Connection, revision: int) -> Outcome:
    try:
        return operation.apply(connection, revision)
    except StoreError as refused:
        return refused
