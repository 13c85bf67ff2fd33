# SPDX-License-Identifier: Apache-2.0
"""A client that dies during StartContainer: whatever the runtime lost of the container can be ended and removed."""

import asyncio
import random
from pathlib import Path

import pytest

from agent.pod.restart import never_ran
from cri import ContainerConfig, ContainerState, CriError, Runtime, SandboxConfig, SandboxMetadata, connect
from tests.support.releases import containerd_release
from tests.support.runtime_fixture import cgroup_mounts, running

pytestmark = pytest.mark.node

ROUNDS = 24
AT_ONCE = 4
# Seconds after which the client is gone; about one start in ten leaves a task behind that CRI has lost.
MOMENTS = (0.04, 0.3)
SLEEP = ("sleep", "3600")


def processes(parent: str, container_id: str) -> set[str]:
    paths = [
        path
        for mount in cgroup_mounts()
        for path in (mount / parent.lstrip("/")).glob(f"**/{container_id}/cgroup.procs")
    ]
    return {pid for path in paths for pid in path.read_text().split()}


async def _break_off(runtime: Runtime, sandbox_id: str, box: SandboxConfig, number: int, after: float) -> str:
    """Cancel a start after so many seconds, and wait for what the runtime says of it."""
    config = ContainerConfig(f"c{number}", "docker.io/local/busybox:1", command=SLEEP)
    container_id = await runtime.create_container(sandbox_id, config, box)
    start = asyncio.create_task(runtime.start_container(container_id))
    await asyncio.wait({start}, timeout=after)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    async with asyncio.timeout(60):
        while (await runtime.container_status(container_id)).state is ContainerState.CREATED:
            await asyncio.sleep(0.02)
    return container_id


async def _remove(runtime: Runtime, container_id: str) -> None:
    status = await runtime.container_status(container_id)
    assert status.state is ContainerState.RUNNING or never_ran(status), status.message
    try:
        await runtime.remove_container(container_id)
    except CriError as error:
        if error.code != "FAILED_PRECONDITION":
            raise
        await runtime.discard_task(container_id)
        await runtime.remove_container(container_id)


async def _scenario(socket: Path, parent: str) -> None:
    runtime, chance, turns = await connect(socket, wait=30), random.Random(), asyncio.Semaphore(AT_ONCE)
    box = SandboxConfig(SandboxMetadata("broken", "default", "u1"), cgroup_parent=parent)
    sandbox_id = await runtime.run_sandbox(box)

    async def one(number: int) -> None:
        async with turns:
            container_id = await _break_off(runtime, sandbox_id, box, number, chance.uniform(*MOMENTS))
            await _remove(runtime, container_id)
            assert processes(parent, container_id) == set()

    try:
        await asyncio.gather(*(one(number) for number in range(ROUNDS)))
        await runtime.discard_task("no-such-container")
        assert await runtime.list_containers(sandbox_id=sandbox_id) == ()
    finally:
        await runtime.remove_sandbox(sandbox_id)
        await runtime.close()


def test_what_a_broken_off_start_leaves_can_be_removed() -> None:
    with running(containerd_release("1.6")) as containerd:
        asyncio.run(_scenario(containerd.socket, containerd.cgroup_parent))
