# SPDX-License-Identifier: Apache-2.0
"""What the API server needs of a store, and the values that pass. Every driver keeps the same contract test.

A key is "/<group or core>/<plural>/<namespace or ''>/<name>", for instance "/core/pods/default/web",
"/apps/deployments/shop/cart", "/core/nodes//node1": a prefix of it is a namespace's or a resource's range.
Values are JSON objects as bytes, without metadata.resourceVersion: that is the record's mod_revision.
Revisions are one global, gapless-or-not but strictly growing sequence of integers from 1 over all keys. An empty
store is at revision 1, as in etcd, so that a list never answers "0", which has a meaning of its own to clients.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One object: mod_revision is when it was last written, create_revision when it came to be."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a range in key order, as it was at `revision`; next_key is "" when the range is exhausted.

    next_key is for start_key of the next call, together with `revision`: then the pages are one snapshot. remaining is
    how many records follow after this page, None where the driver cannot tell cheaply.
    """

    records: tuple[Record, ...]
    revision: int
    next_key: str = ""
    remaining: int | None = None


class ChangeKind(StrEnum):
    """What a write did."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One write in the order of revisions. For DELETED, record has the last value and the deletion's own revision.

    previous is the value before an update, which tells a watch with a selector what it saw before.
    """

    kind: ChangeKind
    record: Record
    previous: bytes | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to this revision has been told: what a bookmark says."""

    revision: int


Marks = Callable[[Change], tuple[str, ...]]
"""What a change is about, in words that watches ask for: the nodes that a pod is and was on, for instance."""


@dataclass(frozen=True, slots=True)
class Interest:
    """The changes that `marks` gives `mark` for. Thousands of watches of one range then cost what is told, no more.

    Watches that differ in mark alone have the same function; a change is looked at once for all of them.
    """

    marks: Marks
    mark: str


class Store(Protocol):
    """Objects under keys, with optimistic concurrency, history for watches, and one order of all writes.

    A write that returned is durable. Errors: controlplane.store.errors.
    """

    async def current_revision(self) -> int:
        """The revision of the newest write, of any key."""
        ...

    async def get(self, key: str) -> Record | None:
        """The record, or None."""
        ...

    async def list(self, prefix: str, *, limit: int = 0, start_key: str = "", revision: int = 0) -> Page:
        """Records whose key begins with prefix, from start_key on, as of revision (0: now); limit 0 is all.

        Raises CompactedError for a revision that is not kept any more, FutureRevisionError for one not reached.
        """
        ...

    async def create(self, key: str, value: bytes) -> Record:
        """Write a new record. Raises ExistsError."""
        ...

    async def update(self, key: str, value: bytes, *, expected: int) -> Record:
        """Replace the record whose mod_revision is expected. Raises ConflictError with the current one (or None)."""
        ...

    async def delete(self, key: str, *, expected: int) -> Record:
        """Remove the record whose mod_revision is expected; gives its last value at the deletion's revision.

        Raises ConflictError with the current one (or None).
        """
        ...

    def watch(
        self, prefix: str, *, after: int, interest: Interest | None = None
    ) -> AsyncGenerator[Change | Progress, None]:
        """Every change of the range with a revision greater than after, in order, until the store is closed.

        With an interest, changes that are not of interest may be left out, or not.
        A Progress comes when the watch is up to date after a change elsewhere, at most about once a second. Raises
        CompactedError, also in the middle when the reader was so slow that history is gone, and FutureRevisionError
        for an `after` that has not been reached. UnavailableError ends it, too: go on after the last revision seen.
        contextlib.aclosing ends a watch at once; else the garbage collector does.
        """
        ...

    async def compact(self, revision: int) -> None:
        """Forget history before revision; current values stay. Lists of it and watches after it still work.

        Nothing happens when that much is forgotten already. Raises FutureRevisionError.
        """
        ...

    async def close(self) -> None:
        """Finish what was acknowledged, end watches, let go of files and connections."""
        ...
