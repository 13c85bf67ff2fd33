# SPDX-License-Identifier: Apache-2.0
"""What the node, its pods and their containers use, as one value: from the runtime, cgroup files and /proc."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from agent.pod import labels
from agent.pod.model import ObservedContainer, ObservedPod, PodKey
from agent.server.answers import Answers
from agent.server.cgroup_usage import CgroupUsage, read_usage
from cri import CriError
from cri.model import ContainerState, ContainerStats, FilesystemUsage, SandboxState

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Interface:
    """What one network interface counted since it is there."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One running container; started in seconds since the epoch, log_bytes the size of its log files."""

    name: str
    id: str
    image: str
    started: float
    stats: ContainerStats
    log_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PodUsage:
    """One pod with a sandbox that is ready; at is in nanoseconds since the epoch."""

    key: PodKey
    uid: str
    started: float
    cgroup: str
    usage: CgroupUsage
    containers: tuple[ContainerUsage, ...]
    interfaces: tuple[Interface, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Machine:
    """The whole machine: memory in bytes."""

    cpus: int
    memory: int
    available: int
    booted: float


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """Everything; image_fs is None when the runtime does not tell."""

    name: str
    machine: Machine
    usage: CgroupUsage
    interfaces: tuple[Interface, ...]
    image_fs: FilesystemUsage | None
    pods: tuple[PodUsage, ...]
    at: int


async def measure(answers: Answers) -> NodeUsage:
    """Ask for everything once. Raises CriError."""
    stats = {each.id: each for each in await answers.runtime.list_container_stats()}
    views = answers.manager.views
    pods = await asyncio.gather(*(_pod(answers, key, view.observed, stats) for key, view in views.items()))
    at = time.time_ns()
    machine, usage, interfaces = await asyncio.to_thread(_machine, answers)
    return NodeUsage(
        answers.node_name,
        machine,
        usage,
        interfaces,
        await _image_fs(answers),
        tuple(pod for pod in pods if pod is not None),
        at,
    )


def _machine(answers: Answers) -> tuple[Machine, CgroupUsage, tuple[Interface, ...]]:
    memory = _meminfo(answers.proc)
    machine = Machine(
        len(_cpus(answers.proc)),
        memory.get("MemTotal", 0),
        memory.get("MemAvailable", 0),
        _booted(answers.proc),
    )
    usage = read_usage(answers.cgroup_mount, "/")
    if usage.working_set is None:
        # The root of version 2 does not count memory.
        used = machine.memory - machine.available
        usage = replace(usage, memory=machine.memory - memory.get("MemFree", 0), working_set=used)
    return machine, usage, read_interfaces(answers.proc / "net" / "dev")


async def _image_fs(answers: Answers) -> FilesystemUsage | None:
    try:
        return next(iter((await answers.runtime.image_fs_info()).images), None)
    except CriError:
        return None


async def _pod(
    answers: Answers, key: PodKey, observed: ObservedPod, stats: dict[str, ContainerStats]
) -> PodUsage | None:
    sandbox = next((s for s in observed.sandboxes if s.state is SandboxState.READY), None)
    if sandbox is None:
        return None
    cgroup = sandbox.annotations.get(labels.CGROUP, "")
    pid = await _pid(answers, sandbox.id)
    usage, interfaces = await asyncio.to_thread(_read, answers, cgroup, pid)
    containers = await asyncio.to_thread(_containers, observed.in_sandbox(sandbox.id), stats)
    return PodUsage(
        key,
        sandbox.metadata.uid,
        sandbox.created_at / _SECOND,
        cgroup,
        usage,
        containers,
        interfaces,
        time.time_ns(),
    )


def _read(answers: Answers, cgroup: str, pid: int) -> tuple[CgroupUsage, tuple[Interface, ...]]:
    usage = read_usage(answers.cgroup_mount, cgroup) if cgroup else CgroupUsage()
    return usage, read_interfaces(answers.proc / str(pid) / "net" / "dev") if pid else ()


async def _pid(answers: Answers, sandbox_id: str) -> int:
    """The sandbox's first process, in whose network namespace the pod's interfaces are; 0 when it is not told."""
    try:
        status = await answers.runtime.sandbox_status(sandbox_id, verbose=True)
        info = msgspec.json.decode(status.info.get("info", "{}"))
    except (CriError, msgspec.DecodeError):
        return 0
    pid = info.get("pid", 0) if isinstance(info, dict) else 0
    return pid if isinstance(pid, int) else 0


def _containers(
    observed: Iterable[ObservedContainer], stats: dict[str, ContainerStats]
) -> tuple[ContainerUsage, ...]:
    return tuple(
        ContainerUsage(
            c.status.name,
            c.status.id,
            c.status.image,
            c.status.started_at / _SECOND,
            stats[c.status.id],
            _log_bytes(c.status.log_path),
        )
        for c in observed
        if c.status.state is ContainerState.RUNNING and c.status.id in stats
    )


def _log_bytes(path: str) -> int:
    """The size of a container's log files, those of earlier attempts too."""
    folder = Path(path).parent
    try:
        return sum(file.stat().st_size for file in folder.iterdir()) if path else 0
    except OSError:
        return 0


def read_interfaces(file: Path) -> tuple[Interface, ...]:
    """The counters of /proc/<pid>/net/dev (proc(5)), without the loopback's."""
    try:
        lines = file.read_text().splitlines()[2:]
    except OSError:
        return ()
    found = []
    for line in lines:
        name, _, rest = line.partition(":")
        numbers = [int(word) for word in rest.split()]
        if name.strip() != "lo" and len(numbers) >= 12:
            found.append(Interface(name.strip(), *numbers[:4], *numbers[8:12]))
    return tuple(found)


def _meminfo(proc: Path) -> dict[str, int]:
    rows = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) >= 2}


def _cpus(proc: Path) -> list[str]:
    lines = (proc / "stat").read_text().splitlines()
    return [line for line in lines if line.startswith("cpu") and not line.startswith("cpu ")]


def _booted(proc: Path) -> float:
    lines = (proc / "stat").read_text().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime")), 0.0)
