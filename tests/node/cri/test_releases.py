# SPDX-License-Identifier: Apache-2.0
"""What differs between containerd's releases, and a containerd that is killed and comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from cri import (
    CgroupDriver,
    ContainerState,
    CriError,
    EventKind,
    Features,
    Unavailable,
    Unimplemented,
    connect,
)
from tests.support.cri_contract import EATER, Collector, Kit, Target, eventually, kit_for
from tests.support.releases import BINARIES, RELEASES, containerd_release
from tests.support.runtime_fixture import Containerd, running

pytestmark = pytest.mark.node


@pytest.fixture(scope="module", params=list(RELEASES))
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def containerd(release: str) -> Iterator[Containerd]:
    with running(containerd_release(release)) as started:
        yield started


def run(containerd: Containerd, function: Callable[[Kit], Awaitable[None]]) -> None:
    async def with_kit() -> None:
        target = Target(containerd.socket, containerd.root, containerd.cgroup_parent)
        async with kit_for(target, "release") as kit:
            await function(kit)

    asyncio.run(with_kit())


def test_a_release_has_its_programs(release: str) -> None:
    assert set(BINARIES) <= {path.name for path in containerd_release(release).iterdir()}


def test_what_is_learnt_at_connect(release: str, containerd: Containerd) -> None:
    async def learnt(kit: Kit) -> None:
        info = kit.runtime.info
        assert (info.name, info.api_version) == ("containerd", "v1")
        assert info.version.startswith(f"{release}.")
        if release == "2.1":
            assert info.cgroup_driver is CgroupDriver.CGROUPFS
            assert info.features.container_events
            assert {handler.name for handler in info.features.handlers} == {"", "runc"}
        else:
            assert info.cgroup_driver is None
            assert info.features == Features()
            with pytest.raises(Unimplemented, match=r"^cannot read setup of runtime: "):
                await kit.runtime.cgroup_driver()

    run(containerd, learnt)


def test_oom_is_an_event_of_containerds_own_stream_only(containerd: Containerd) -> None:
    async def told(kit: Kit) -> None:
        from cri import LinuxResources

        events = Collector(kit.runtime)
        await events.until(EventKind.RELIST)
        _, container = await kit.start(EATER, resources=LinuxResources(memory_limit=16 << 20))
        await events.until(EventKind.STOPPED, container)
        if kit.runtime.info.features.container_events:
            assert events.count(EventKind.OOM) == 0
        else:
            await events.until(EventKind.OOM, container)
        await events.stop()

    run(containerd, told)


def test_killed_and_started_again(containerd: Containerd) -> None:
    async def survives(kit: Kit) -> None:
        runtime, pod = kit.runtime, kit.pod()
        sandbox, container = await kit.start(pod=pod)
        created = await runtime.create_container(sandbox, kit.container(name="later"), pod)
        events = Collector(runtime)
        await events.until(EventKind.RELIST)
        containerd.kill()
        waiting = [asyncio.create_task(runtime.container_status(container)) for _ in range(5)]
        with pytest.raises(Unavailable, match=r"^cannot start container .*: no connection to .*refused$"):
            await runtime.start_container(created)
        assert not any(task.done() for task in waiting)
        await asyncio.to_thread(containerd.start)
        for status in await asyncio.gather(*waiting):
            assert status.state is ContainerState.RUNNING
        await events.until(EventKind.RELIST, count=2)
        await runtime.start_container(created)
        await events.until(EventKind.STARTED, created)
        await events.stop()

    run(containerd, survives)


def test_killed_under_calls(containerd: Containerd) -> None:
    """Calls that are under way when containerd dies: reads get their answer later, changes fail as Unavailable."""

    async def under_way(kit: Kit) -> None:
        _, container = await kit.start("trap '' TERM; while true; do sleep 1; done")
        stop = asyncio.create_task(
            kit.runtime.stop_container(container, grace=60, about="container tests/web/app")
        )
        reads = [asyncio.create_task(read_on(kit)) for _ in range(4)]
        await eventually(some_were_answered, "reads are under way")
        await asyncio.to_thread(containerd.kill)
        with pytest.raises(Unavailable, match=r"^cannot stop container tests/web/app: "):
            await stop
        await asyncio.to_thread(containerd.start)
        await asyncio.gather(*reads)
        await kit.runtime.stop_container(container, grace=0)

    answered = 0

    async def read_on(kit: Kit) -> None:
        nonlocal answered
        for _ in range(200):
            assert await kit.runtime.list_sandboxes(labels=kit.labels)
            answered += 1

    async def some_were_answered() -> bool:
        return answered > 8

    run(containerd, under_way)


def test_connect_waits_for_a_runtime_that_starts(containerd: Containerd) -> None:
    async def waits() -> None:
        await asyncio.to_thread(containerd.kill)
        with pytest.raises(Unavailable, match=r"^cannot connect to container runtime: no connection to "):
            await connect(containerd.socket)
        waiting = asyncio.create_task(connect(containerd.socket, wait=20))
        await asyncio.to_thread(containerd.start)
        runtime = await waiting
        assert runtime.info.name == "containerd"
        await runtime.close()
        with pytest.raises(CriError, match=r"^cannot list sandboxes: the client was closed$"):
            await runtime.list_sandboxes()

    asyncio.run(waits())
