# SPDX-License-Identifier: Apache-2.0
"""The store: writes of 1 KiB with 1 and 16 writers and a list of 10,000 records, on SQLite beside bare sqlite3 and on
etcd beside bare calls of etcd's; and the fan-out to 1,000 watches. Ours and the reference take turns.

The bare sqlite3 writes key and value into one table with the same pragmas: one write per transaction for one writer,
and 16 per transaction for 16. The bare etcd calls are Put and Range on one gRPC channel.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio

from controlplane.store.etcd import EtcdOptions, open_etcd
from controlplane.store.etcd.v3 import rpc_pb2 as rpc
from controlplane.store.interface import Change, Store
from controlplane.store.sqlite import open_sqlite
from controlplane.store.sqlite.connection import connect
from tests.bench.model import Row, percentile
from tests.support.etcd import Etcd, running_etcd

VALUE = os.urandom(1024)
RECORD = os.urandom(1536)
RECORDS = 10_000
ROUNDS = 4
WRITES = 400
"""In one round."""
WATCHES = 1000
EVENTS = 50

Write = Callable[[str], Awaitable[object]]


@dataclass(slots=True)
class Times:
    """Milliseconds of single writes, and the seconds of all rounds."""

    each: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.each) / self.seconds


def run() -> list[Row]:
    # On a disk: /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ol-bench-") as folder:
        rows = asyncio.run(_sqlite(Path(folder)))
    with running_etcd() as etcd:
        return rows + asyncio.run(_etcd(etcd))


async def _sqlite(folder: Path) -> list[Row]:
    store = await open_sqlite(folder / "store.db")
    rows: list[Row] = []
    with closing(connect(folder / "bare.db")) as bare:
        bare.execute("CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB)")
        for writers in (1, 16):
            ours, reference = Times(), Times()
            for turn in range(ROUNDS):
                await _write(ours, writers, f"{writers}-{turn}", lambda key: store.create(key, VALUE))
                _write_bare(bare, reference, writers, f"{writers}-{turn}")
            rows += _rows("SQLite", "bare sqlite3", writers, ours, reference)
        await asyncio.gather(*(store.create(f"/l/x//{n:05}", RECORD) for n in range(RECORDS)))
        bare.executemany(
            "INSERT INTO record VALUES (?, ?)", ((f"/l/x//{n:05}", RECORD) for n in range(RECORDS))
        )

        async def list_bare() -> int:
            query = "SELECT key, value FROM record WHERE key >= '/l/' AND key < '/l0' ORDER BY key"
            return len(bare.execute(query).fetchall())

        rows.append(await _list("SQLite", "bare sqlite3", store, list_bare))
    rows.append(await _get(store))
    rows.append(await _fan_out(store))
    await store.close()
    return rows


async def _etcd(etcd: Etcd) -> list[Row]:
    store = await open_etcd(EtcdOptions((etcd.endpoint,)))
    options = (("grpc.default_authority", "localhost"), ("grpc.max_receive_message_length", -1))
    rows: list[Row] = []
    async with grpc.aio.insecure_channel(etcd.endpoint, options=options) as channel:
        put = channel.unary_unary(
            "/etcdserverpb.KV/Put", rpc.PutRequest.SerializeToString, rpc.PutResponse.FromString
        )
        read = channel.unary_unary(
            "/etcdserverpb.KV/Range", rpc.RangeRequest.SerializeToString, rpc.RangeResponse.FromString
        )

        async def put_bare(key: str) -> None:
            await put(rpc.PutRequest(key=f"/bare{key}".encode(), value=VALUE))

        for writers in (1, 16):
            ours, reference = Times(), Times()
            for turn in range(ROUNDS):
                await _write(ours, writers, f"{writers}-{turn}", lambda key: store.create(key, VALUE))
                await _write(reference, writers, f"{writers}-{turn}", put_bare)
            rows += _rows("etcd", "bare etcd calls", writers, ours, reference)
        numbers = iter(range(RECORDS))
        await asyncio.gather(*(_fill(store, numbers) for _ in range(16)))

        async def list_bare() -> int:
            return len((await read(rpc.RangeRequest(key=b"/orlop/l/", range_end=b"/orlop/l0"))).kvs)

        rows.append(await _list("etcd", "bare etcd calls", store, list_bare))
    await store.close()
    return rows


async def _fill(store: Store, numbers: Iterator[int]) -> None:
    for number in numbers:
        await store.create(f"/l/x//{number:05}", RECORD)


async def _write(times: Times, writers: int, name: str, write: Write) -> None:
    async def writer(number: int) -> None:
        for count in range(WRITES // writers):
            begin = time.perf_counter()
            await write(f"/w/{name}/{number}/{count}")
            times.each.append((time.perf_counter() - begin) * 1000)

    begin = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(writers)))
    times.seconds += time.perf_counter() - begin


def _write_bare(bare: sqlite3.Connection, times: Times, group: int, name: str) -> None:
    """Each write of a group takes as long as its transaction."""
    start = time.perf_counter()
    for count in range(WRITES // group):
        begin = time.perf_counter()
        bare.execute("BEGIN IMMEDIATE")
        for number in range(group):
            bare.execute("INSERT INTO record VALUES (?, ?)", (f"/w/{name}/{count}/{number}", VALUE))
        bare.execute("COMMIT")
        times.each += [(time.perf_counter() - begin) * 1000] * group
    times.seconds += time.perf_counter() - start


def _rows(driver: str, against: str, writers: int, ours: Times, reference: Times) -> list[Row]:
    name = f"{driver}, 1 KiB, {writers} writer{'s' if writers > 1 else ''}"
    rows = [Row(f"{name}: writes", "/s", ours.rate, reference.rate, "", None, against)]
    for share in (0.5, 0.99):
        told = f"{name}: p{share * 100:.0f}"
        rows.append(
            Row(
                told, "ms", percentile(ours.each, share), percentile(reference.each, share), "", None, against
            )
        )
    return rows


async def _list(driver: str, against: str, store: Store, bare: Callable[[], Awaitable[int]]) -> Row:
    ours, reference = [], []
    for _ in range(5):
        begin = time.perf_counter()
        assert len((await store.list("/l/")).records) == RECORDS
        between = time.perf_counter()
        assert await bare() == RECORDS
        ours.append((between - begin) * 1000)
        reference.append((time.perf_counter() - between) * 1000)
    name = f"{driver}: list of {RECORDS} records of 1.5 KiB, p50"
    return Row(name, "ms", percentile(ours, 0.5), percentile(reference, 0.5), "", None, against)


async def _get(store: Store) -> Row:
    begin = time.perf_counter()
    for number in range(2000):
        assert await store.get(f"/l/x//{number:05}")
    return Row("SQLite: get", "/s", 2000 / (time.perf_counter() - begin), None, "", None)


async def _fan_out(store: Store) -> Row:
    """From the first write until the last watch has the last change."""
    after = await store.current_revision()
    begin = time.perf_counter()
    watches = [asyncio.ensure_future(_see(store, after)) for _ in range(WATCHES)]
    for number in range(EVENTS):
        await store.create(f"/f/x//{number}", VALUE)
    await asyncio.gather(*watches)
    rate = WATCHES * EVENTS / (time.perf_counter() - begin)
    return Row(f"{WATCHES} watches of one range: changes told", "/s", rate, None, "", None)


async def _see(store: Store, after: int) -> None:
    seen = 0
    async with aclosing(store.watch("/f/", after=after)) as events:
        async for event in events:
            seen += isinstance(event, Change)
            if seen == EVENTS:
                return
