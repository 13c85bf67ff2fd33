# SPDX-License-Identifier: Apache-2.0
"""A server that is told to stop: watches end as watches do, what was answered is kept, another one takes over."""

import asyncio
import signal
from pathlib import Path

from kube.kinds import CONFIG_MAPS, LEASES, NAMESPACES
from tests.support.controlplane_process import ControlPlaneProcess
from tests.support.eventually import eventually


def test_sigterm_ends_watches_cleanly_and_gives_the_lease_back(tmp_path: Path) -> None:
    server = ControlPlaneProcess(tmp_path)

    async def steps() -> None:
        async with server.client() as client:
            seen, ended = list[str](), 0

            async def follow() -> None:
                nonlocal ended
                # Neither an error nor a connection that breaks off.
                async for event in client.watch(NAMESPACES, resource_version="0"):
                    seen.append(event["type"])
                ended += 1

            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(follow())
                await eventually(lambda: seen.count("ADDED") >= 20, 60)
                await client.create(CONFIG_MAPS, {"metadata": {"name": "last", "namespace": "default"}})
                code = await asyncio.to_thread(server.kill, signal.SIGTERM)
            assert (code, ended) == (0, 5)
            assert set(seen) <= {"ADDED", "MODIFIED", "BOOKMARK"}

    with server:
        asyncio.run(steps())
        assert "Traceback" not in server.log
        server.start()
        asyncio.run(_after(server))


async def _after(server: ControlPlaneProcess) -> None:
    async with server.client() as client:
        await client.get(CONFIG_MAPS, "last", "default")
        # The one before gave it back, so that nobody waits for its end.
        lease = await client.get(LEASES, "kube-controller-manager", "kube-system")
        async with asyncio.timeout(60):
            while not lease["spec"].get("holderIdentity"):
                await asyncio.sleep(0.05)
                lease = await client.get(LEASES, "kube-controller-manager", "kube-system")
        assert lease["spec"]["leaseTransitions"] >= 1
