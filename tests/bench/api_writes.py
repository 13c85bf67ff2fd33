# SPDX-License-Identifier: Apache-2.0
"""Creating objects of 1 KiB through the API with 1 and 16 clients, on SQLite and on etcd.

Ours and three references take turns: bare sqlite3 with the same durability (one write a transaction for one client,
16 for 16) or bare Puts of etcd's, which is what the disk and etcd allow; and bare aiohttp that takes such a body over
the same TLS and does nothing with it, which is what HTTP in Python allows.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing

import grpc.aio
import msgspec

from controlplane.store.etcd.v3 import rpc_pb2 as rpc
from controlplane.store.sqlite.connection import connect
from tests.bench.bare import bare
from tests.bench.controlplane import ControlPlane, controlplane, free_port
from tests.bench.load import Times, connected, rows, turn
from tests.bench.model import Row
from tests.support.etcd import running_etcd
from tests.support.https import Connection

CLIENTS = (1, 16)
ROUNDS = 4
WRITES = 480
"""In one turn."""
VALUE = "x" * 1024
PATH = "/api/v1/namespaces/default/configmaps"

Reference = Callable[[Times, int, str], Awaitable[None]]
"""One turn of the reference: where the times go, the number of clients, a name for the keys."""


def run() -> list[Row]:
    with controlplane() as server:
        found = asyncio.run(_sqlite(server))
    port = free_port()
    with running_etcd(port=port) as etcd, controlplane(f"etcd://127.0.0.1:{port}") as server:
        return found + asyncio.run(_etcd(server, etcd.endpoint))


def configmap(name: str) -> bytes:
    """An object of 1 KiB."""
    metadata = {"name": name}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": VALUE}}
    return msgspec.json.encode(obj)


async def _sqlite(server: ControlPlane) -> list[Row]:
    with closing(connect(server.folder / "bare.db")) as database:
        database.execute("CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB)")

        async def commit(times: Times, clients: int, name: str) -> None:
            _commit(database, times, clients, name)

        return await _compare(server, "SQLite", "bare sqlite3", commit)


async def _etcd(server: ControlPlane, endpoint: str) -> list[Row]:
    options = (("grpc.default_authority", "localhost"),)
    async with grpc.aio.insecure_channel(endpoint, options=options) as channel:
        put = channel.unary_unary(
            "/etcdserverpb.KV/Put", rpc.PutRequest.SerializeToString, rpc.PutResponse.FromString
        )

        async def client(times: Times, name: str, count: int) -> None:
            for number in range(count):
                begin = time.perf_counter()
                await put(rpc.PutRequest(key=f"/bare/{name}/{number}".encode(), value=configmap(name)))
                times.each.append((time.perf_counter() - begin) * 1000)

        async def puts(times: Times, clients: int, name: str) -> None:
            begin = time.perf_counter()
            share = WRITES // clients
            await asyncio.gather(*(client(times, f"{name}-{number}", share) for number in range(clients)))
            times.seconds += time.perf_counter() - begin

        return await _compare(server, "etcd", "bare etcd puts", puts)


async def _compare(server: ControlPlane, store: str, against: str, reference: Reference) -> list[Row]:
    found: list[Row] = []
    for clients in CLIENTS:
        ours, stored, taken = Times(), Times(), Times()
        async with AsyncExitStack() as stack:
            connections = await stack.enter_async_context(connected(server.port, server.tls(), clients))
            port = stack.enter_context(bare(server, b""))
            plain = await stack.enter_async_context(connected(port, server.tls(), clients))
            await turn(Times(), connections, clients * 10, f"warm-{clients}", _create)
            for number in range(ROUNDS):
                name = f"bench-{clients}-{number}"
                await turn(ours, connections, WRITES, name, _create)
                await reference(stored, clients, name)
                await turn(taken, plain, WRITES, name, _take)
        name = f"API on {store}, 1 KiB, {clients} client{'s' if clients > 1 else ''}"
        found += rows(name, "creates", ours, stored, against)
        found += rows(name, "creates", ours, taken, "bare aiohttp")
    return found


async def _create(connection: Connection, name: str) -> None:
    answer = await connection.request("POST", PATH, configmap(name))
    assert answer.code == 201, answer


async def _take(connection: Connection, name: str) -> None:
    answer = await connection.request("POST", "/take", configmap(name))
    assert answer.code == 200, answer


def _commit(database: sqlite3.Connection, times: Times, group: int, name: str) -> None:
    """Each write of a group takes as long as its transaction."""
    start = time.perf_counter()
    for count in range(WRITES // group):
        begin = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        for number in range(group):
            key = f"{name}-{count}-{number}"
            database.execute("INSERT INTO record VALUES (?, ?)", (key, configmap(key)))
        database.execute("COMMIT")
        times.each += [(time.perf_counter() - begin) * 1000] * group
    times.seconds += time.perf_counter() - start
