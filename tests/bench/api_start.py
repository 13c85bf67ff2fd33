# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane`: from the start of its process to /readyz, on nothing and on what was there, and memory at rest.

At rest means: controllers and scheduler have their lists, and for some seconds nobody asked for anything.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.controlplane import controlplane, started
from tests.bench.model import Row

ROUNDS = 5
REST_SECONDS = 10
BUDGET_SECONDS = 2.0
BUDGET_MIB = 120


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ol-bench-") as name:
        first: list[float] = []
        again: list[float] = []
        for number in range(ROUNDS):
            folder = Path(name) / str(number)
            folder.mkdir()
            for times in (first, again):
                with started(folder) as server:
                    times.append(server.seconds)
    return [
        _start("API server: first start to /readyz, p50", first),
        _start("API server: next start to /readyz, p50", again),
        *_memory(),
    ]


def _start(name: str, seconds: list[float]) -> Row:
    middle = statistics.median(seconds)
    return Row(name, "s", middle, None, f"{BUDGET_SECONDS:.0f} s", middle <= BUDGET_SECONDS)


def _memory() -> list[Row]:
    with controlplane() as server:
        time.sleep(REST_SECONDS)
        before = server.cpu_seconds()
        time.sleep(REST_SECONDS)
        cpu = (server.cpu_seconds() - before) / REST_SECONDS * 100
        resident = server.resident_mib()
    return [
        Row("API server at rest: RSS", "MiB", resident, None, f"{BUDGET_MIB} MiB", resident <= BUDGET_MIB),
        Row("API server at rest: CPU", "%", cpu, None, "", None),
    ]
