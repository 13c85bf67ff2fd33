# SPDX-License-Identifier: Apache-2.0
"""A fleet: 1,000 nodes that renew their Leases every 10 s and 10,000 pods, held for two minutes, then cut off at once.

Everything goes as with real nodes: over TLS with a certificate of each node's own, one connection for calls and one
for the watch of its pods. The pods are scheduled by our scheduler, and nodes report them running. While the fleet is
held, a user reads and writes single objects, reads pages of pods, and now and then all pods. In the end all
connections break at once and every node comes back.

Shorter or smaller: ORLOP_BENCH_FLEET_SECONDS, ORLOP_BENCH_FLEET_NODES, ORLOP_BENCH_FLEET_PODS.
"""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kube import tls_buffers
from tests.bench.controlplane import ControlPlane, controlplane
from tests.bench.fleet_node import Calls, Node, certificates
from tests.bench.load import Times, connected, turn
from tests.bench.model import Row, percentile
from tests.bench.pods import pod
from tests.support.https import Connection

SECONDS = float(os.environ.get("ORLOP_BENCH_FLEET_SECONDS", "120"))
NODES = int(os.environ.get("ORLOP_BENCH_FLEET_NODES", "1000"))
PODS = int(os.environ.get("ORLOP_BENCH_FLEET_PODS", "10000"))
LEASE_EVERY = 10.0
JOINING = 32
"""Nodes that join at the same time."""
CREATORS = 8
PATIENCE_SECONDS = 1200
BUDGET_MS = 1000
BUDGET_MIB = 400
PATH = "/api/v1/namespaces/default/pods"


@dataclass(slots=True)
class Fleet:
    """The nodes, what calls cost, and what was measured so far."""

    server: ControlPlane
    nodes: list[Node]
    calls: Calls
    rows: list[Row] = field(default_factory=list)

    def note(self, name: str, unit: str, value: float) -> None:
        self.rows.append(Row(f"fleet: {name}", unit, value, None, "", None))

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[None]:
        """Time, calls, CPU and memory of a phase."""
        self.calls.each.clear()
        self.calls.refused = 0
        begin, cpu = time.monotonic(), self.server.cpu_seconds()
        yield
        seconds = time.monotonic() - begin
        self.note(f"{name}: time", "s", seconds)
        self.note(f"{name}: server's CPU", "%", (self.server.cpu_seconds() - cpu) / seconds * 100)
        self.note(f"{name}: calls", "/s", len(self.calls.each) / seconds)
        self.note(f"{name}: call p50", "ms", percentile(self.calls.each, 0.5))
        self.note(f"{name}: call p99", "ms", percentile(self.calls.each, 0.99))
        self.note(f"{name}: calls to make again", "", self.calls.refused)
        self.note(f"{name}: RSS at its end", "MiB", self.server.resident_mib())
        self.note(f"{name}: RSS at its peak", "MiB", self.server.peak_mib())


def run() -> list[Row]:
    tls_buffers.shrink()
    with controlplane() as server, tempfile.TemporaryDirectory() as folder:
        contexts = certificates(server.pki, Path(folder), NODES)
        return asyncio.run(_run(server, contexts))


async def _run(server: ControlPlane, contexts: Sequence[ssl.SSLContext]) -> list[Row]:
    calls = Calls()
    nodes = [Node(number, server.port, tls, calls) for number, tls in enumerate(contexts)]
    fleet = Fleet(server, nodes, calls)
    async with asyncio.TaskGroup() as group:
        async with fleet.phase(f"{NODES} nodes join"):
            await _join(fleet)
        tasks = [group.create_task(node.start_pods()) for node in nodes]
        tasks += [group.create_task(node.heartbeats(LEASE_EVERY, NODES)) for node in nodes]
        async with fleet.phase(f"{PODS} pods to Running"):
            await _start_pods(fleet)
        async with fleet.phase("held"):
            await _hold(fleet)
        held = percentile(calls.each, 0.99)
        for task in tasks[NODES:]:
            task.cancel()
        async with fleet.phase("all connections break and come back"):
            await asyncio.gather(*(node.reconnect() for node in nodes))
        for task in tasks:
            task.cancel()
    for node in nodes:
        node.close()
    return [*fleet.rows, *_verdict(server, held)]


def _verdict(server: ControlPlane, held: float) -> list[Row]:
    budget = f"{BUDGET_MS / 1000:.0f} s"
    peak = server.peak_mib()
    return [
        Row("fleet, held: call p99", "ms", held, None, budget, held < BUDGET_MS),
        Row(
            "fleet, RSS at its peak over all phases",
            "MiB",
            peak,
            None,
            f"{BUDGET_MIB} MiB",
            peak < BUDGET_MIB,
        ),
    ]


async def _join(fleet: Fleet) -> None:
    room = asyncio.Semaphore(JOINING)

    async def join(node: Node) -> None:
        async with room:
            await node.join()

    await asyncio.gather(*map(join, fleet.nodes))


async def _start_pods(fleet: Fleet) -> None:
    async def create(connection: Connection, name: str) -> None:
        await fleet.calls.ask(connection, "POST", PATH, pod(name))

    async with connected(fleet.server.port, fleet.server.tls(), CREATORS) as creators:
        await turn(Times(), creators, PODS, "web-6d4cf56db6", create)
    wanted = PODS // CREATORS * CREATORS
    await _until(lambda: sum(len(node.running) for node in fleet.nodes) >= wanted)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.1)


async def _hold(fleet: Fleet) -> None:
    """The nodes renew by themselves; a user works beside them."""
    whole = Calls()
    async with connected(fleet.server.port, fleet.server.tls(), 2) as (single, lists):
        async with asyncio.timeout(SECONDS + PATIENCE_SECONDS):
            end = time.monotonic() + SECONDS
            await asyncio.gather(_use(fleet, single, end), _read_all(whole, lists, end))
    fleet.note(f"held: list of {PODS} pods, p50", "ms", percentile(whole.each, 0.5))


async def _use(fleet: Fleet, connection: Connection, end: float) -> None:
    """Some ten calls a second: what a person or a small operator does."""
    configmaps, number = "/api/v1/namespaces/default/configmaps", 0
    while time.monotonic() < end:
        number += 1
        obj = {"metadata": {"name": f"used-{number}"}, "data": {"value": "x" * 1024}}
        await fleet.calls.ask(connection, "POST", configmaps, obj)
        await fleet.calls.ask(connection, "GET", f"{configmaps}/used-{number}")
        await fleet.calls.ask(connection, "DELETE", f"{configmaps}/used-{number}")
        if number % 10 == 0:
            await fleet.calls.ask(connection, "GET", f"{PATH}?limit=500")
        await asyncio.sleep(0.25)


async def _read_all(whole: Calls, connection: Connection, end: float) -> None:
    while time.monotonic() < end:
        await whole.ask(connection, "GET", PATH)
        await asyncio.sleep(min(15.0, max(0.0, end - time.monotonic())))
