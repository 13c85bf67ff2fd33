# SPDX-License-Identifier: Apache-2.0
"""A joined node as a client of the API server sees it, beside the same CRI calls made by hand on the same node.

Create -> Ready of one pod, of a burst, and DELETE -> gone of a pod whose process ends at once.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.labimages import load_images
from cri import Runtime, connect
from cri.model import ContainerConfig, SandboxConfig, SandboxMetadata
from kube.client import Client
from kube.config import from_file
from kube.informer import Informer
from kube.kinds import NODES, PODS
from lab import Lab, LabSpec, NodePaths
from tests.bench.model import Row, percentile

ROUNDS = int(os.environ.get("ORLOP_BENCH_ROUNDS", "25"))
BURST = int(os.environ.get("ORLOP_BENCH_BURST", "30"))
OVER_BARE_MS, BURST_RATIO, GONE_MS = 60, 1.15, 300
DEADLINE = 300.0
IMAGE = "docker.io/local/busybox:1"
# Ends at once when it is asked to: a shell that waits takes the signal between two commands.
POLITE = ("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait")

Json = dict[str, Any]


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="ol-bench-", dir="/var/tmp") as folder:
        lab = Lab(LabSpec(name=f"a{os.getpid()}", root=Path(folder) / "lab", controlplane=True))
        try:
            lab.up()
            load_images(lab)
            return asyncio.run(_measure(lab))
        finally:
            lab.down()


class _Seen:
    """Pods as a watch tells them; `until` waits for one of its events at a time."""

    def __init__(self, pods: Informer) -> None:
        self._pods, self._changed = pods, asyncio.Event()
        pods.add_handler(lambda _old, _new: self._changed.set())

    async def until(self, holds: Callable[[Informer], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds(self._pods):
                self._changed.clear()
                await self._changed.wait()


async def _measure(lab: Lab) -> list[Row]:
    node = lab.paths.nodes[0]
    runtime = await connect(node.containerd_socket)
    async with Client(from_file(lab.paths.controlplane.kubeconfig)) as client:
        pods = Informer(client, PODS, namespace="default")
        following = asyncio.create_task(pods.run())
        try:
            await pods.synced.wait()
            await _await_node(client)
            return await _rows(client, _Seen(pods), runtime, node)
        finally:
            following.cancel()
            await runtime.close()


async def _rows(client: Client, seen: _Seen, runtime: Runtime, node: NodePaths) -> list[Row]:
    ours, bare, gone = [], [], []
    for number in range(-2, ROUNDS):  # the first two warm up
        ours.append(await _create(client, seen, [f"one-{number + 2}"]))
        gone.append(await _delete(client, seen, [f"one-{number + 2}"]))
        bare.append(await _bare(runtime, node, [f"bare-{number + 2}"]))
    ours, bare, gone = ours[2:], bare[2:], gone[2:]
    names = [f"burst-{number}" for number in range(BURST)]
    burst = await _create(client, seen, names)
    await _delete(client, seen, names)
    bare_burst = await _bare(runtime, node, [f"bare-{name}" for name in names])
    over = statistics.median(ours) - statistics.median(bare)
    ended = statistics.median(gone)
    return [
        Row("create -> Ready, p50", "ms", statistics.median(ours), statistics.median(bare), "", None),
        Row("create -> Ready, p99", "ms", percentile(ours, 0.99), percentile(bare, 0.99), "", None),
        Row("create -> Ready, over the bare calls, p50", "ms", over, None, "60 ms", over <= OVER_BARE_MS),
        Row(f"burst of {BURST}, all Ready", "ms", burst, bare_burst, "x 1.15", burst <= BURST_RATIO * bare_burst),
        Row("DELETE -> gone, p50", "ms", ended, None, f"{GONE_MS} ms", ended <= GONE_MS),
    ]  # fmt: skip


async def _await_node(client: Client) -> None:
    async with asyncio.timeout(DEADLINE):
        while not any(_condition(each) for each in (await client.list(NODES))["items"]):
            await asyncio.sleep(0.1)


async def _create(client: Client, seen: _Seen, names: list[str]) -> float:
    begin = time.monotonic()
    await asyncio.gather(*(client.create(PODS, _pod(name)) for name in names))
    await seen.until(lambda pods: all(_condition(pods.get(name, "default")) for name in names))
    return (time.monotonic() - begin) * 1000


async def _delete(client: Client, seen: _Seen, names: list[str]) -> float:
    begin = time.monotonic()
    await asyncio.gather(*(client.delete(PODS, name, "default") for name in names))
    await seen.until(lambda pods: not any(pods.get(name, "default") for name in names))
    return (time.monotonic() - begin) * 1000


def _pod(name: str) -> Json:
    container = {"name": "app", "image": IMAGE, "command": list(POLITE)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }


def _condition(obj: Json | None) -> bool:
    conditions = (obj or {}).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def _bare(runtime: Runtime, node: NodePaths, names: list[str]) -> float:
    """The calls that it takes, all pods side by side; what they made is taken away afterwards."""
    begin = time.monotonic()
    sandboxes = await asyncio.gather(*(_start(runtime, node, name) for name in names))
    took = (time.monotonic() - begin) * 1000
    for sandbox_id in sandboxes:
        await runtime.stop_sandbox(sandbox_id)
        await runtime.remove_sandbox(sandbox_id)
    return took


async def _start(runtime: Runtime, node: NodePaths, name: str) -> str:
    sandbox = SandboxConfig(
        metadata=SandboxMetadata(name, "bench", f"uid-{name}"),
        hostname=name,
        log_directory=str(node.logs / "bench"),
        cgroup_parent=f"{node.cgroup}/bench/{name}",
    )
    container = ContainerConfig(name="app", image=IMAGE, command=POLITE, log_path=f"{name}.log")
    sandbox_id = await runtime.run_sandbox(sandbox)
    container_id = await runtime.create_container(sandbox_id, container, sandbox)
    await runtime.start_container(container_id)
    return sandbox_id
