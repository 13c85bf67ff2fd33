# SPDX-License-Identifier: Apache-2.0
"""What every container runtime must do through our client: one list of scenarios, run against each of them.

tests/node/cri runs them against containerd 1.6, 1.7 and 2.1; those in FAKE_SCENARIOS also against the in-memory runtime
of fake_cri.py, so that tests which use the fake can trust it.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cri import (
    AlreadyExists,
    Container,
    ContainerConfig,
    ContainerState,
    CriError,
    DeadlineExceeded,
    Deadlines,
    Event,
    EventKind,
    NotFound,
    Runtime,
    Sandbox,
    SandboxConfig,
    SandboxMetadata,
    SandboxState,
    connect,
)

BUSYBOX = "docker.io/local/busybox:1"
DEADLINE = 20
# Passes its memory limit. containerd's shim listens for that only once the start is done, and loses the event of a
# container that is gone at once: so the shell waits before, and outlives the victim.
EATER = "sleep 1; dd if=/dev/zero of=/dev/null bs=100M; sleep 2; exit 137"


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime to try: its socket, a folder for logs, the cgroup that pods go under."""

    socket: Path
    root: Path
    cgroup_parent: str


@dataclass(frozen=True, slots=True)
class Kit:
    """What a scenario is given: a connected client, and names that no other scenario has."""

    runtime: Runtime
    target: Target
    name: str

    @property
    def labels(self) -> dict[str, str]:
        """On everything that this scenario makes."""
        return {"scenario": self.name}

    def pod(self, **changes: object) -> SandboxConfig:
        """A pod's configuration."""
        config = SandboxConfig(
            metadata=SandboxMetadata(self.name, "tests", f"uid-{self.name}"),
            log_directory=str(self.target.root / "logs" / self.name),
            cgroup_parent=f"{self.target.cgroup_parent}/{self.name}",
            labels=self.labels,
        )
        return replace(config, **changes)  # type: ignore[arg-type]  # a test's own fields

    def container(self, script: str = "sleep 60", **changes: object) -> ContainerConfig:
        """A container that runs a shell script."""
        config = ContainerConfig(
            name="app", image=BUSYBOX, command=("sh", "-c", script), labels=self.labels, log_path="app.log"
        )
        return replace(config, **changes)  # type: ignore[arg-type]  # a test's own fields

    async def start(
        self, script: str = "sleep 60", pod: SandboxConfig | None = None, **changes: object
    ) -> tuple[str, str]:
        """A pod with one started container: both ids."""
        pod = pod or self.pod()
        sandbox = await self.runtime.run_sandbox(pod)
        container = await self.runtime.create_container(sandbox, self.container(script, **changes), pod)
        await self.runtime.start_container(container)
        return sandbox, container

    async def exited(self, container: str) -> None:
        """Wait until the container has ended."""

        async def has_exited() -> bool:
            return (await self.runtime.container_status(container)).state is ContainerState.EXITED

        await eventually(has_exited, f"{container} exits")

    async def shell(self, container: str, script: str) -> str:
        """What a shell in the container prints."""
        result = await self.runtime.exec_sync(container, ("sh", "-c", script), timeout=10)
        assert result.exit_code == 0, result
        return result.stdout.decode()


Scenario = Callable[[Kit], Awaitable[None]]
SCENARIOS: list[Scenario] = []
FAKE_SCENARIOS: list[Scenario] = []


def scenario(*, fake: bool) -> Callable[[Scenario], Scenario]:
    """Adds a scenario to the list; fake: the in-memory runtime must pass it too."""

    def add(function: Scenario) -> Scenario:
        SCENARIOS.append(function)
        if fake:
            FAKE_SCENARIOS.append(function)
        return function

    return add


@asynccontextmanager
async def kit_for(target: Target, name: str, deadlines: Deadlines | None = None) -> AsyncIterator[Kit]:
    """A kit whose sandboxes are gone afterwards."""
    runtime = await connect(target.socket, deadlines=deadlines, wait=DEADLINE)
    kit = Kit(runtime, target, f"{name.replace('_', '-')}-{secrets.token_hex(3)}")
    try:
        yield kit
    finally:
        for sandbox in await runtime.list_sandboxes(labels=kit.labels):
            await runtime.stop_sandbox(sandbox.id)
            await runtime.remove_sandbox(sandbox.id)
        await runtime.close()


def run(function: Scenario, target: Target) -> None:
    """One scenario against one runtime."""

    async def with_kit() -> None:
        async with kit_for(target, function.__name__) as kit:
            await function(kit)

    asyncio.run(with_kit())


async def eventually(
    condition: Callable[[], Awaitable[object]], what: str, deadline: float = DEADLINE
) -> None:
    """Wait for a condition; AssertionError with `what` when the deadline passes."""
    end = time.monotonic() + deadline
    while not await condition():
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        await asyncio.sleep(0.01)


class Collector:
    """Follows a runtime's events in the background and keeps them."""

    def __init__(self, runtime: Runtime) -> None:
        self.seen: list[Event] = []
        self._runtime = runtime
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for event in self._runtime.events():
            self.seen.append(event)

    async def until(self, kind: EventKind, container: str = "", count: int = 1) -> None:
        """Wait for so many events of a kind about a container or sandbox."""

        async def seen() -> bool:
            assert not self._task.done(), self._task.result()
            return self.count(kind, container) >= count

        await eventually(seen, f"{count} x {kind} of {container or 'any'}; seen {self.seen}")

    def count(self, kind: EventKind, container: str = "") -> int:
        """How many events of a kind came so far."""
        return sum(event.kind is kind and event.container_id in (container, "") for event in self.seen)

    async def stop(self) -> None:
        """Stop following."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def move_away(log: Path) -> None:
    """What log rotation does."""
    log.rename(log.with_suffix(".old"))


# The scenarios.


@scenario(fake=True)
async def status(kit: Kit) -> None:
    """The runtime and its network become ready; a condition that it does not state is not in order."""

    async def ready() -> bool:
        return (await kit.runtime.status()).ready

    await eventually(ready, "runtime and network are ready")
    assert not (await kit.runtime.status()).condition("NoSuchCondition").status


@scenario(fake=True)
async def sandbox_life(kit: Kit) -> None:
    """Run, list, status, stop, remove; what was told is told back."""
    runtime, pod = kit.runtime, kit.pod(annotations={"note": "ü"})
    sandbox = await runtime.run_sandbox(pod)
    (row,) = await runtime.list_sandboxes(labels=kit.labels)
    assert (row.id, row.metadata, row.state) == (sandbox, pod.metadata, SandboxState.READY)
    assert (dict(row.labels), dict(row.annotations)) == (kit.labels, {"note": "ü"})
    assert row.created_at > 0
    found = await runtime.sandbox_status(sandbox, verbose=True)
    assert found.sandbox.metadata == pod.metadata
    assert found.ip
    assert found.info
    await runtime.stop_sandbox(sandbox)
    assert (await runtime.sandbox_status(sandbox)).sandbox.state is SandboxState.NOT_READY
    await runtime.remove_sandbox(sandbox)
    assert await runtime.list_sandboxes(labels=kit.labels) == ()
    with pytest.raises(NotFound, match=f"cannot read status of sandbox {sandbox}: "):
        await runtime.sandbox_status(sandbox)


@scenario(fake=True)
async def container_life(kit: Kit) -> None:
    """Created, running, exited with its code and reason, gone; a second attempt beside the first."""
    runtime, pod = kit.runtime, kit.pod()
    sandbox = await runtime.run_sandbox(pod)
    container = await runtime.create_container(sandbox, kit.container("sleep 1; exit 3"), pod)
    assert (await runtime.container_status(container)).state is ContainerState.CREATED
    await runtime.start_container(container)
    assert (await runtime.container_status(container)).state is ContainerState.RUNNING
    await kit.exited(container)
    ended = await runtime.container_status(container)
    assert (ended.exit_code, ended.reason, ended.name, ended.attempt) == (3, "Error", "app", 0)
    assert 0 < ended.created_at <= ended.started_at <= ended.finished_at
    again = await runtime.create_container(sandbox, kit.container("sleep 60", attempt=1), pod)
    rows = await runtime.list_containers(sandbox_id=sandbox)
    assert {(row.id, row.attempt) for row in rows} == {(container, 0), (again, 1)}
    await runtime.remove_container(container)
    with pytest.raises(NotFound, match=f"cannot read status of container {container}: "):
        await runtime.container_status(container)


@scenario(fake=True)
async def exit_codes(kit: Kit) -> None:
    """Success, failure, and the end by a signal: 128 and its number."""
    pod = kit.pod()
    sandbox = await kit.runtime.run_sandbox(pod)
    for attempt, (script, code, reason) in enumerate((("exit 0", 0, "Completed"), ("exit 7", 7, "Error"))):
        container = await kit.runtime.create_container(sandbox, kit.container(script, attempt=attempt), pod)
        await kit.runtime.start_container(container)
        await kit.exited(container)
        ended = await kit.runtime.container_status(container)
        assert (ended.exit_code, ended.reason) == (code, reason)
    container = await kit.runtime.create_container(sandbox, kit.container("sleep 60", attempt=9), pod)
    await kit.runtime.start_container(container)
    await kit.runtime.stop_container(container, grace=0)
    assert (await kit.runtime.container_status(container)).exit_code == 137


@scenario(fake=True)
async def repeated_stop_and_remove(kit: Kit) -> None:
    """Stopping and removing what is stopped, removed or never was succeeds."""
    runtime = kit.runtime
    sandbox, container = await kit.start()
    for _ in range(2):
        await runtime.stop_container(container, grace=0)
    for _ in range(2):
        await runtime.remove_container(container)
    await runtime.stop_container(container, grace=0)
    for _ in range(2):
        await runtime.stop_sandbox(sandbox)
    for _ in range(2):
        await runtime.remove_sandbox(sandbox)
    await runtime.stop_sandbox(sandbox)
    await runtime.remove_image("docker.io/local/none:1")


@scenario(fake=True)
async def not_found(kit: Kit) -> None:
    """What is not there is NotFound, with what was asked and for whom."""
    runtime, pod = kit.runtime, kit.pod()
    sandbox = await runtime.run_sandbox(pod)
    absent = "0" * 64
    asked = (
        (
            runtime.sandbox_status(absent, about="pod default/web"),
            "read status of sandbox for pod default/web",
        ),
        (runtime.container_status(absent), f"read status of container {absent}"),
        (
            runtime.start_container(absent, about="container default/web/app"),
            "start container default/web/app",
        ),
        (runtime.exec_sync(absent, ("true",), timeout=1), f"run command in container {absent}"),
        (runtime.create_container(absent, kit.container(), pod), f"create container tests/{kit.name}/app"),
        (
            runtime.create_container(sandbox, kit.container(image="docker.io/local/none:1"), pod),
            f"create container tests/{kit.name}/app",
        ),
    )
    for call, words in asked:
        with pytest.raises(NotFound, match=f"^cannot {words}: .*not found") as caught:
            await call
        assert caught.value.code == "NOT_FOUND"


@scenario(fake=True)
async def already_there(kit: Kit) -> None:
    """A second sandbox or container of the same name and attempt is refused as such."""
    pod = kit.pod()
    sandbox = await kit.runtime.run_sandbox(pod)
    with pytest.raises(AlreadyExists, match=f"^cannot run sandbox for pod tests/{kit.name}: "):
        await kit.runtime.run_sandbox(pod)
    await kit.runtime.create_container(sandbox, kit.container(), pod)
    with pytest.raises(AlreadyExists, match=f"^cannot create container tests/{kit.name}/app: "):
        await kit.runtime.create_container(sandbox, kit.container(), pod)


@scenario(fake=True)
async def list_filters(kit: Kit) -> None:
    """All that is given must hold: labels, sandbox, id, state."""
    runtime, pod = kit.runtime, kit.pod()
    sandbox, running = await kit.start(pod=pod)
    created = await runtime.create_container(sandbox, kit.container(name="other", labels={"x": "1"}), pod)
    cases: tuple[tuple[Awaitable[tuple[Container | Sandbox, ...]], set[str]], ...] = (
        (runtime.list_containers(sandbox_id=sandbox), {running, created}),
        (runtime.list_containers(labels=kit.labels), {running}),
        (runtime.list_containers(sandbox_id=sandbox, state=ContainerState.CREATED), {created}),
        (runtime.list_containers(container_id=created), {created}),
        (runtime.list_containers(sandbox_id=sandbox, labels={"x": "2"}), set()),
        (runtime.list_sandboxes(labels=kit.labels, state=SandboxState.READY), {sandbox}),
        (runtime.list_sandboxes(labels=kit.labels, state=SandboxState.NOT_READY), set()),
        (runtime.list_sandboxes(sandbox_id=sandbox), {sandbox}),
    )
    for call, wanted in cases:
        assert {row.id for row in await call} == wanted


@scenario(fake=True)
async def images(kit: Kit) -> None:
    """Images are there or not; the store tells how full it is."""
    found = await kit.runtime.image_status(BUSYBOX)
    assert found is not None
    assert BUSYBOX in found.tags
    assert found.size > 0
    assert found.id in {image.id for image in await kit.runtime.list_images()}
    assert await kit.runtime.image_status("docker.io/local/none:1") is None
    assert all(usage.mountpoint for usage in (await kit.runtime.image_fs_info()).images)


@scenario(fake=True)
async def events(kit: Kit) -> None:
    """RELIST first, then what happens to a container; when its end is told, its status says so too."""
    events = Collector(kit.runtime)
    await events.until(EventKind.RELIST)
    sandbox, container = await kit.start("sleep 1; exit 5")
    await events.until(EventKind.STARTED, sandbox)
    await events.until(EventKind.CREATED, container)
    await events.until(EventKind.STARTED, container)
    await events.until(EventKind.STOPPED, container)
    assert (await kit.runtime.container_status(container)).exit_code == 5
    await kit.runtime.stop_sandbox(sandbox)
    await events.until(EventKind.STOPPED, sandbox)
    assert (await kit.runtime.sandbox_status(sandbox)).sandbox.state is SandboxState.NOT_READY
    await kit.runtime.remove_sandbox(sandbox)
    await events.until(EventKind.DELETED, container)
    await events.until(EventKind.DELETED, sandbox)
    await events.stop()


@scenario(fake=True)
async def every_client_gets_every_event(kit: Kit) -> None:
    """Two clients follow at the same time; neither takes events away from the other."""
    async with kit_for(kit.target, kit.name) as other:
        both = [Collector(kit.runtime), Collector(other.runtime)]
        for events in both:
            await events.until(EventKind.RELIST)
        _, container = await kit.start("exit 0")
        for events in both:
            await events.until(EventKind.STARTED, container)
            await events.until(EventKind.STOPPED, container)
            await events.stop()


@scenario(fake=True)
async def an_exec_is_no_event(kit: Kit) -> None:
    """The end of a command in a container is not the end of the container."""
    _, container = await kit.start()
    events = Collector(kit.runtime)
    await events.until(EventKind.RELIST)
    await kit.shell(container, "true")
    await kit.runtime.stop_container(container, grace=0)
    await events.until(EventKind.STOPPED, container)
    assert events.count(EventKind.STOPPED, container) == 1
    await events.stop()


@scenario(fake=True)
async def command_in_container(kit: Kit) -> None:
    """Output apart, exit code, and a command that does not end in time."""
    _, container = await kit.start()
    result = await kit.runtime.exec_sync(
        container, ("sh", "-c", "echo out; echo err >&2; exit 4"), timeout=10
    )
    assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", 4)
    with pytest.raises(DeadlineExceeded, match=r"^cannot run command in container "):
        await kit.runtime.exec_sync(container, ("sleep", "60"), timeout=1)
    with pytest.raises(ValueError, match="needs a timeout"):
        await kit.runtime.exec_sync(container, ("true",), timeout=0)


@scenario(fake=True)
async def stream_urls(kit: Kit) -> None:
    """Streams are served at URLs of the runtime."""
    sandbox, container = await kit.start()
    runtime = kit.runtime
    urls = (
        await runtime.exec_url(container, ("sh",), tty=False, stdin=True, stdout=True, stderr=True),
        await runtime.attach_url(container, tty=False, stdin=True, stdout=True, stderr=True),
        await runtime.port_forward_url(sandbox, (80,)),
    )
    for url, path in zip(urls, ("/exec/", "/attach/", "/portforward/"), strict=True):
        assert url.startswith("http://127.0.0.1:")
        assert path in url


@scenario(fake=True)
async def deadlines(kit: Kit) -> None:
    """A change that takes longer than its deadline fails with the operation, the thing and the right class."""
    _, container = await kit.start("trap '' TERM; while true; do sleep 1; done")
    async with kit_for(kit.target, kit.name, Deadlines(stop_margin=-3.5)) as impatient:
        with pytest.raises(DeadlineExceeded, match=r"^cannot stop container tests/web/app: .* within 0.5 s$"):
            await impatient.runtime.stop_container(container, grace=4, about="container tests/web/app")
    await kit.runtime.stop_container(container, grace=0)


@scenario(fake=True)
async def usage(kit: Kit) -> None:
    """Figures by container and by pod."""
    sandbox, container = await kit.start()
    stats = await kit.runtime.container_stats(container)
    assert (stats.id, stats.name) == (container, "app")
    assert stats.memory is not None
    assert (stats.memory.usage or 0) > 0
    assert {row.id for row in await kit.runtime.list_container_stats(sandbox_id=sandbox)} == {container}
    pod = await kit.runtime.sandbox_stats(sandbox)
    assert pod.metadata.name == kit.name
    assert {row.id for row in pod.containers} == {container}
    assert {row.id for row in await kit.runtime.list_sandbox_stats(sandbox_id=sandbox)} == {sandbox}


@scenario(fake=False)
async def container_sees_its_configuration(kit: Kit) -> None:
    """What the configuration says is what a process in the container finds."""
    from cri import (  # only this scenario needs them
        Capabilities,
        ContainerSecurity,
        DnsConfig,
        Mount,
        NamespaceMode,
        Namespaces,
    )

    folder = kit.target.root / kit.name
    folder.mkdir()
    (folder / "file").write_text("from the node\n")
    pod = kit.pod(
        hostname="web",
        dns=DnsConfig(("10.0.0.10",), ("tests.svc",), ("ndots:5",)),
        sysctls={"net.ipv4.ip_unprivileged_port_start": "80"},
        namespaces=Namespaces(pid=NamespaceMode.POD),
    )
    _, container = await kit.start(
        pod=pod,
        args=(),
        working_dir="/data",
        env=(("GREETING", "hello ü"), ("EMPTY", "")),
        mounts=(Mount("/data", str(folder), readonly=True),),
        namespaces=Namespaces(pid=NamespaceMode.POD),
        security=ContainerSecurity(
            run_as_user=1000,
            run_as_group=2000,
            supplemental_groups=(3000,),
            no_new_privs=True,
            readonly_rootfs=True,
            capabilities=Capabilities(drop=("ALL",)),
        ),
    )
    shell = kit.shell
    assert await shell(container, "hostname") == "web\n"
    assert await shell(container, "pwd; cat file") == "/data\nfrom the node\n"
    assert await shell(container, "echo $GREETING/$EMPTY/") == "hello ü//\n"
    assert await shell(container, "touch /data/x 2>&1 || touch /x 2>&1 || echo refused") == (
        "touch: /data/x: Read-only file system\ntouch: /x: Read-only file system\nrefused\n"
    )
    assert await shell(container, "id -u; id -g; id -G") == "1000\n2000\n2000 3000\n"
    assert "NoNewPrivs:\t1\n" in await shell(container, "cat /proc/self/status")
    assert "CapBnd:\t0000000000000000\n" in await shell(container, "cat /proc/self/status")
    assert await shell(container, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "80\n"
    resolver = await shell(container, "cat /etc/resolv.conf")
    assert resolver.split() == ["search", "tests.svc", "nameserver", "10.0.0.10", "options", "ndots:5"]
    # Process 1 of a shared process namespace is pause.
    assert "/pause" in await shell(container, "tr '\\0' ' ' </proc/1/cmdline")


@scenario(fake=False)
async def limits(kit: Kit) -> None:
    """Limits are the kernel's, are changed while the container runs, and one that is passed ends it as OOMKilled."""
    from cri import LinuxResources
    from tests.support.runtime_fixture import cgroup_mounts

    def limit() -> set[str]:
        """memory limits of containers below the pod's cgroup, v1's or v2's file."""
        names = ("memory.limit_in_bytes", "memory.max")
        parents = (mount / kit.pod().cgroup_parent.lstrip("/") for mount in cgroup_mounts())
        return {
            file.read_text().strip()
            for top in parents
            for name in names
            for file in top.glob(f"{container}/{name}")
        }

    sandbox, container = await kit.start(resources=LinuxResources(memory_limit=64 << 20, cpu_shares=100))
    assert limit() == {str(64 << 20)}
    await kit.runtime.update_resources(container, LinuxResources(memory_limit=80 << 20))
    assert limit() == {str(80 << 20)}
    pod = kit.pod()
    hungry = await kit.runtime.create_container(
        sandbox,
        kit.container(
            EATER,
            name="hungry",
            resources=LinuxResources(memory_limit=16 << 20),
        ),
        pod,
    )
    await kit.runtime.start_container(hungry)

    await kit.exited(hungry)

    async def oom_killed() -> bool:
        # The word for it may come a moment before the end, or after it.
        return (await kit.runtime.container_status(hungry)).reason == "OOMKilled"

    await eventually(oom_killed, "the container is OOMKilled")
    assert (await kit.runtime.container_status(hungry)).exit_code == 137


@scenario(fake=False)
async def logs(kit: Kit) -> None:
    """Output is in the log file, line by line; a file that was moved away is opened anew on request."""
    _, container = await kit.start(
        "echo one; while ! [ -e /go ]; do sleep 0.01; done; echo two >&2; sleep 60"
    )
    log = Path((await kit.runtime.container_status(container)).log_path)
    assert log == kit.target.root / "logs" / kit.name / "app.log"

    def lines() -> list[list[str]]:
        """Stream, tag and text of each line; the time before them is left out."""
        return [line.split()[1:] for line in log.read_text().splitlines()] if log.exists() else []

    async def has(*words: str) -> bool:
        return lines() == [list(words)]

    await eventually(lambda: has("stdout", "F", "one"), "the first line")
    move_away(log)
    await kit.runtime.reopen_log(container)
    await kit.shell(container, "touch /go")
    await eventually(lambda: has("stderr", "F", "two"), "the second line, in the new file")


@scenario(fake=False)
async def a_pull_that_cannot_work(kit: Kit) -> None:
    """The error names the image, the pod and the runtime's own reason."""
    with pytest.raises(
        CriError, match=r"^cannot pull image docker.io/local/none:1 for pod tests/web: .*dial"
    ):
        await kit.runtime.pull_image("docker.io/local/none:1", sandbox=kit.pod(), about="pod tests/web")


@scenario(fake=False)
async def pods_at_once(kit: Kit) -> None:
    """Calls run beside each other: ten pods started together."""
    metadata = [SandboxMetadata(f"{kit.name}-{n}", "tests", f"uid-{n}") for n in range(10)]
    ids = await asyncio.gather(*(kit.runtime.run_sandbox(kit.pod(metadata=each)) for each in metadata))
    found = await asyncio.gather(*(kit.runtime.sandbox_status(each) for each in ids))
    assert [each.sandbox.metadata for each in found] == metadata
    assert len({each.ip for each in found}) == 10
