# SPDX-License-Identifier: Apache-2.0
"""500 probes a second: what they cost, and whether they come when they should; beside bare requests by aiohttp.

The servers run in a process of their own. Lateness is what the schedule's own clock says at the moment of sending:
from when a probe was due to when it is begun. CPU is this process's, client and scheduler together.
"""

import asyncio
import os
import resource
import signal
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from lightkube.models import core_v1

from agent.probe.checks import Checker
from agent.probe.memory import ProbeMemory
from agent.probe.model import Check, Result, Target
from agent.probe.prober import Prober
from agent.sources.model import DesiredPod, PodKey
from cri import check_health
from tests.bench.model import Row, percentile

PODS = int(os.environ.get("ORLOP_BENCH_PROBES", "500"))
SECONDS = float(os.environ.get("ORLOP_BENCH_SECONDS", "20"))
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def run() -> list[Row]:
    server, port = _start_server()
    try:
        http = asyncio.run(_probes(core_v1.Probe(httpGet=core_v1.HTTPGetAction(port=port), periodSeconds=1)))
        tcp = asyncio.run(
            _probes(core_v1.Probe(tcpSocket=core_v1.TCPSocketAction(port=port), periodSeconds=1))
        )
        bare_http, bare_tcp = asyncio.run(_bare(port, _request)), asyncio.run(_bare(port, _connect))
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    return [*_rows("httpGet", http, bare_http, "aiohttp"), *_rows("tcpSocket", tcp, bare_tcp, "asyncio")]


class _Measured:
    """CPU seconds, number of probes, and how late each came."""

    def __init__(self, cpu: float, count: int, late: list[float]) -> None:
        self.cpu, self.count, self.late = cpu, count, late

    @property
    def each(self) -> float:
        """Microseconds of CPU for one."""
        return self.cpu / self.count * 1e6


def _rows(kind: str, ours: _Measured, bare: _Measured, reference: str) -> list[Row]:
    share = ours.each / 1e6 * PODS
    made = ours.count / (PODS * SECONDS)
    last = statistics.median(ours.late[-PODS:])
    return [
        Row(f"{kind}: CPU of one", "µs", ours.each, bare.each, f"beside a bare {reference} connection", None),
        Row(f"{kind}: {PODS} a second, share of a core", "%", share * 100, None, "one core", share < 1),
        Row(f"{kind}: made of what was due", "%", made * 100, None, "99 %", made > 0.99),
        Row(f"{kind}: late, p50", "ms", statistics.median(ours.late) * 1e3, None, "", None),
        Row(f"{kind}: late, p99", "ms", percentile(ours.late, 0.99) * 1e3, None, "", None),
        Row(f"{kind}: late in the last second, p50", "ms", last * 1e3, None, "no drift", None),
    ]


def _start_server() -> tuple[int, int]:
    """A process that answers at a port of loopback; its pid and the port."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        asyncio.run(_serve(write))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        return pid, int(pipe.readline())


async def _serve(pipe: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    os.write(pipe, f"{server.sockets[0].getsockname()[1]}\n".encode())
    await server.serve_forever()


async def _probes(probe: core_v1.Probe) -> _Measured:
    late: list[float] = []
    checker = Checker(_NoRuntime(), check_health)  # type: ignore[arg-type]
    began: dict[str, float] = {}

    async def make(container_id: str, check: Check, timeout: float) -> Result:
        now = time.time()
        late.append((now - began[container_id]) % 1.0)
        return await checker(container_id, check, timeout)

    with tempfile.TemporaryDirectory() as folder:
        prober = Prober(
            make, changed=lambda _key: None, tell=lambda _report: None, memory=ProbeMemory(Path(folder))
        )
        start = time.time()
        for number in range(PODS):
            # As if they had been started one after the other within a second, a while ago: no first probes at once.
            name, at = f"c{number}", start - 60 + number / PODS
            began[name] = _due(name, at)
            container = core_v1.Container(name="app", readinessProbe=probe)
            pod = core_v1.Pod(spec=core_v1.PodSpec(containers=[container]))
            desired = DesiredPod(PodKey("bench", name), name, pod, "bench")
            prober.follow(desired, {"app": Target(name, at, "127.0.0.1")})
        before = _cpu()
        await asyncio.sleep(SECONDS)
        cpu = _cpu() - before
        await prober.close()
    return _Measured(cpu, len(late), late)


def _due(name: str, started: float) -> float:
    """A moment at which a probe of this container was due."""
    from agent.probe.schedule import beat

    return beat(f"{name} Readiness", started, 1.0, spread=True).second


async def _bare(port: int, once: Callable[[aiohttp.ClientSession, int], Awaitable[None]]) -> _Measured:
    count = int(PODS * SECONDS / 4)
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        before = _cpu()
        for _ in range(count):
            await once(session, port)
        return _Measured(_cpu() - before, count, [])


async def _request(session: aiohttp.ClientSession, port: int) -> None:
    async with session.get(f"http://127.0.0.1:{port}/") as answer:
        await answer.read()


async def _connect(_session: aiohttp.ClientSession, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


class _NoRuntime:
    """No probe here runs a command."""


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
