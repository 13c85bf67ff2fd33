# SPDX-License-Identifier: Apache-2.0
"""Lists of 10,000 pods: whole, in pages and as kubectl's Table; how long they take and what they need in memory.

The reference of the whole list is bare aiohttp that answers the same bytes, which it has in memory, over the same TLS.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kube import tls_buffers
from tests.bench.bare import bare
from tests.bench.controlplane import ControlPlane, controlplane
from tests.bench.load import Times, connected, turn
from tests.bench.model import Row, percentile
from tests.bench.pods import pod, running
from tests.support.https import Connection

PODS = 10_000
WRITERS = 16
ROUNDS = 5
AT_ONCE = 8
PATH = "/api/v1/namespaces/default/pods"
_Result = TypeVar("_Result")
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def run() -> list[Row]:
    tls_buffers.shrink()
    with controlplane() as server:
        asyncio.run(fill(server))
        rows, content = asyncio.run(_measure(server))
        with bare(server, content) as port:
            bare_ms = asyncio.run(_bare(server, port))
        name = f"API, list of {PODS} pods, {len(content) >> 20} MiB: p50, to bare aiohttp"
        return [Row(name, "ms", rows.pop(0).ours, bare_ms, "", None), *rows]


async def fill(server: ControlPlane) -> None:
    """Pods that run, on a node that never says anything."""

    async def act(connection: Connection, name: str) -> None:
        await connection.ask("POST", PATH, pod(name, "silent"))
        patch = {"status": running("10.244.0.9", "2026-01-01T00:00:00Z")}
        kind = "application/merge-patch+json"
        await connection.ask("PATCH", f"{PATH}/{name}/status", patch, kind)

    async with connected(server.port, server.tls(), WRITERS) as writers:
        # Pods of nodes that are not there are soon deleted.
        await writers[0].ask("POST", "/api/v1/nodes", {"metadata": {"name": "silent"}})
        await turn(Times(), writers, PODS, "web-6d4cf56db6", act)


async def _measure(server: ControlPlane) -> tuple[list[Row], bytes]:
    async with connected(server.port, server.tls(), AT_ONCE) as connections:
        one = connections[0]
        answer, whole, memory = await _timed(server, lambda: one.request("GET", PATH))
        _, table, table_memory = await _timed(server, lambda: one.request("GET", PATH, accept=TABLE))
        _, pages, _ = await _timed(server, lambda: _in_pages(one))
        _, _, eight = await _timed(server, lambda: _at_once(connections))
    rows = [
        Row("API, list of pods, p50", "ms", whole, None, "", None),
        Row(f"API, list of {PODS} pods as a Table: p50", "ms", table, None, "", None),
        Row(f"API, list of {PODS} pods in pages of 500: p50", "ms", pages, None, "", None),
        Row(f"API, list of {PODS} pods: more memory at its peak", "MiB", memory, None, "", None),
        Row(
            f"API, list of {PODS} pods as a Table: more memory at its peak",
            "MiB",
            table_memory,
            None,
            "",
            None,
        ),
        Row(f"API, {AT_ONCE} such lists at once: more memory at their peak", "MiB", eight, None, "", None),
    ]
    return rows, answer.body


async def _timed(server: ControlPlane, act: Callable[[], Awaitable[_Result]]) -> tuple[_Result, float, float]:
    """The last answer, milliseconds at p50, and how far memory rose above what it was before."""
    times = []
    before = server.resident_mib()
    server.reset_peak()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        answer = await act()
        times.append((time.perf_counter() - begin) * 1000)
    return answer, percentile(times, 0.5), server.peak_mib() - before


async def _in_pages(connection: Connection) -> int:
    token, found = "", 0
    while True:
        page = await connection.ask("GET", f"{PATH}?limit=500&continue={token}")
        found += len(page["items"])
        token = page["metadata"].get("continue", "")
        if not token:
            assert found == PODS
            return found


async def _at_once(connections: list[Connection]) -> None:
    for answer in await asyncio.gather(*(each.request("GET", PATH) for each in connections)):
        assert answer.code == 200


async def _bare(server: ControlPlane, port: int) -> float:
    times = []
    async with connected(port, server.tls(), 1) as (connection,):
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            answer = await connection.request("GET", "/file")
            assert answer.code == 200
            times.append((time.perf_counter() - begin) * 1000)
    return percentile(times, 0.5)
