# SPDX-License-Identifier: Apache-2.0
"""Manifest written -> container running, against the same CRI calls made by hand on the same node, in turn.

Both ends are read from the same clocks: the wall clock before the first act, and the time at which containerd says
that the container's process was started.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from agent.pod.observe import observe_pod
from agent.sources.model import PodKey
from cli.labimages import load_images
from cri import Runtime, connect
from cri.model import ContainerConfig, SandboxConfig, SandboxMetadata
from lab import Lab, LabSpec, NodePaths
from tests.bench.model import Row, percentile

ROUNDS = int(os.environ.get("ORLOP_BENCH_ROUNDS", "25"))
OVER_BARE_MS = 60
IMAGE = "docker.io/local/busybox:1"
SECOND = 1_000_000_000
MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: docker.io/local/busybox:1
      command: [sleep, "3600"]
"""


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="ol-bench-", dir="/var/tmp") as folder:
        lab = Lab(LabSpec(name=f"b{os.getpid()}", root=Path(folder) / "lab", controlplane=False))
        try:
            lab.up()
            load_images(lab)
            return asyncio.run(_measure(lab.paths.node("node1")))
        finally:
            lab.down()


async def _measure(node: NodePaths) -> list[Row]:
    runtime = await connect(node.containerd_socket)
    try:
        for _ in range(2):
            await _ours(runtime, node, "warm")
            await _bare(runtime, node, "warm")
        ours, bare = [], []
        for number in range(ROUNDS):
            ours.append(await _ours(runtime, node, f"ours-{number}"))
            bare.append(await _bare(runtime, node, f"bare-{number}"))
    finally:
        await runtime.close()
    over = statistics.median(ours) - statistics.median(bare)
    return [
        Row(
            "pod start, p50",
            "ms",
            statistics.median(ours),
            statistics.median(bare),
            "bare CRI calls + 60 ms",
            over <= OVER_BARE_MS,
        ),
        Row("pod start, p95", "ms", percentile(ours, 0.95), percentile(bare, 0.95), "", None),
        Row("pod start, over the bare calls, p50", "ms", over, None, "60 ms", over <= OVER_BARE_MS),
    ]


async def _ours(runtime: Runtime, node: NodePaths, name: str) -> float:
    manifest = node.manifests / f"{name}.yaml"
    new = manifest.with_name(f".{name}.new")
    new.write_text(MANIFEST.format(name=name))
    begin = time.time()
    new.rename(manifest)
    key = PodKey("default", name)
    started = 0
    while not started:
        pod = await observe_pod(runtime, key)
        started = pod.containers[0].status.started_at if pod.containers else 0
        await asyncio.sleep(0.01)
    manifest.unlink()
    while (await observe_pod(runtime, key)).sandboxes:
        await asyncio.sleep(0.01)
    return (started / SECOND - begin) * 1000


async def _bare(runtime: Runtime, node: NodePaths, name: str) -> float:
    sandbox = SandboxConfig(
        metadata=SandboxMetadata(name, "bench", f"uid-{name}"),
        hostname=name,
        log_directory=str(node.logs / "bench"),
        cgroup_parent=f"{node.cgroup}/bench/{name}",
    )
    container = ContainerConfig(name="app", image=IMAGE, command=("sleep", "3600"), log_path="app.log")
    begin = time.time()
    sandbox_id = await runtime.run_sandbox(sandbox)
    container_id = await runtime.create_container(sandbox_id, container, sandbox)
    await runtime.start_container(container_id)
    started = (await runtime.container_status(container_id)).started_at
    await runtime.stop_container(container_id, grace=0)
    await runtime.stop_sandbox(sandbox_id)
    await runtime.remove_sandbox(sandbox_id)
    return (started / SECOND - begin) * 1000
