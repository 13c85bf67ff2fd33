# SPDX-License-Identifier: Apache-2.0
"""Kill a writing store again and again, and see after each kill that it holds what it had acknowledged.

    python -m tests.support.store_kills FOLDER KILLS SEED

Each round forks a child that writes with several writers and tells every acknowledged write through a pipe; it is
killed (SIGKILL) after a random number of them and a random moment. Then the store is opened again. Every revision
since the round before must be there, once; every acknowledged write with what was written; what was not acknowledged
may be there, but only what the writers had under way; and the records must be what the history says. Prints one line
of JSON.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
import zlib
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.store.errors import StoreError
from controlplane.store.interface import Change, ChangeKind, Record, Store
from controlplane.store.sqlite import open_sqlite

WRITERS = 6
ACKS = 60
"""Acknowledged writes before a kill, at most."""
DELAY = 0.004


@dataclass(slots=True)
class Seen:
    """What the parent knows: the records as of `revision`, and counts."""

    revision: int = 1
    records: dict[str, Record] = field(default_factory=dict)
    acknowledged: int = 0
    unacknowledged: int = 0
    kills: int = 0


def digest(change: tuple[ChangeKind, Record]) -> str:
    kind, record = change
    return f"{kind} {record.key} {record.create_revision} {zlib.crc32(record.value)} {len(record.value)}"


async def write_for_ever(path: Path, pipe: int, seed: int, kept: int) -> None:
    """The child's life. kept: the revision from which on the parent wants history."""
    chance = random.Random(seed)
    store = await open_sqlite(path)
    records = {record.key: record for record in (await store.list("")).records}

    def tell(kind: ChangeKind, record: Record) -> None:
        os.write(pipe, f"{record.mod_revision} {digest((kind, record))}\n".encode())

    async def writer(number: int) -> None:
        while True:
            key = f"/w/{number}//{chance.randrange(20)}"
            value = chance.randbytes(chance.choice((10, 1000, 9000)))
            old = records.get(key)
            if old is None:
                records[key] = await store.create(key, value)
                tell(ChangeKind.CREATED, records[key])
            elif chance.random() < 0.3:
                gone = await store.delete(key, expected=old.mod_revision)
                del records[key]
                tell(ChangeKind.DELETED, gone)
            else:
                records[key] = await store.update(key, value, expected=old.mod_revision)
                tell(ChangeKind.UPDATED, records[key])
            if chance.random() < 0.02:
                await store.compact(chance.randint(1, kept))

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))


def round_of(path: Path, seen: Seen, chance: random.Random) -> dict[int, str]:
    """Fork, wait for some acknowledgements, kill; all acknowledgements: revision -> digest."""
    out, into = os.pipe()
    seed = chance.randrange(1 << 30)
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            asyncio.run(write_for_ever(path, into, seed, seen.revision))
        finally:
            os._exit(3)
    os.close(into)
    wanted, text = chance.randint(0, ACKS), b""
    while text.count(b"\n") < wanted and (more := os.read(out, 65536)):
        text += more
    time.sleep(chance.random() * DELAY)
    os.kill(child, signal.SIGKILL)
    while more := os.read(out, 65536):
        text += more
    os.close(out)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the writer ended by itself: {status}")
    rows = (line.split(" ", 1) for line in text.decode().splitlines())
    return {int(revision): told for revision, told in rows}


async def verify(path: Path, seen: Seen, acknowledged: dict[int, str]) -> None:
    store = await open_sqlite(path)
    current = await store.current_revision()
    changes = await history(store, seen.revision, current)
    found = [change.record.mod_revision for change in changes]
    check(found == list(range(seen.revision + 1, current + 1)), f"revisions {found}, not up to {current}")
    kept = {change.record.mod_revision: digest((change.kind, change.record)) for change in changes}
    for revision, told in acknowledged.items():
        check(kept.get(revision) == told, f"{revision} was {told}, is {kept.get(revision)}")
    check(len(kept) - len(acknowledged) <= WRITERS, f"{len(kept)} writes, {len(acknowledged)} acknowledged")
    for change in changes:
        apply(change, seen.records)
    records = {record.key: record for record in (await store.list("")).records}
    check(records == seen.records, "records are not what the history says")
    await store.close()
    seen.revision = current
    seen.acknowledged += len(acknowledged)
    seen.unacknowledged += len(kept) - len(acknowledged)
    seen.kills += 1


async def history(store: Store, after: int, until: int) -> list[Change]:
    changes: list[Change] = []
    if after == until:
        return changes
    async with aclosing(store.watch("", after=after)) as events:
        async for event in events:
            if isinstance(event, Change):
                changes.append(event)
                if event.record.mod_revision >= until:
                    break
    return changes


def apply(change: Change, records: dict[str, Record]) -> None:
    if change.kind is ChangeKind.DELETED:
        del records[change.record.key]
    else:
        records[change.record.key] = change.record


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(what)


def main(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    seen = Seen()
    for number in range(kills):
        acknowledged = round_of(folder / "store.db", seen, chance)
        try:
            asyncio.run(verify(folder / "store.db", seen, acknowledged))
        except StoreError as error:
            raise SystemExit(f"after kill {number}: {error}") from error
    summary = {"kills": seen.kills, "acknowledged": seen.acknowledged, "others": seen.unacknowledged}
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
