# SPDX-License-Identifier: Apache-2.0
"""The node's conditions (pure): whether it is ready, and what it runs short of.

A pressure begins at once and ends only after it was away for a while: a node at its limit would otherwise be tainted
and freed again with every pod that comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.node.config import NodeSettings
from agent.node.machine import Disk, Machine, Pressure
from agent.node.thresholds import hard_threshold
from cri.model import RuntimeStatus

READY: Final = "Ready"
MEMORY_PRESSURE: Final = "MemoryPressure"
DISK_PRESSURE: Final = "DiskPressure"
PID_PRESSURE: Final = "PIDPressure"

# Condition -> reason and message while it is False and while it is True; the kubelet's words.
_WORDS: Final[Mapping[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    MEMORY_PRESSURE: (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    DISK_PRESSURE: (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    PID_PRESSURE: (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}
PRESSURES: Final = frozenset(_WORDS)
_READY: Final = ("KubeletReady", "kubelet is posting ready status")
_NOT_READY: Final = "KubeletNotReady"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; is_true is its status."""

    type: str
    is_true: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at one time. nodefs has the pods' files and logs, imagefs the images."""

    machine: Machine
    pressure: Pressure
    nodefs: Disk
    imagefs: Disk


@dataclass(slots=True)
class PressureMemory:
    """When each pressure was last seen (seconds of any steady clock)."""

    last: dict[str, float] = field(default_factory=dict)

    def hold(self, found: frozenset[str], now: float, seconds: float) -> frozenset[str]:
        """The pressures that count now: those found, and those that were found less than so long ago."""
        self.last |= dict.fromkeys(found, now)
        self.last = {kind: seen for kind, seen in self.last.items() if now - seen < seconds or kind in found}
        return frozenset(self.last)


def short_of(sample: Sample, settings: NodeSettings) -> frozenset[str]:
    """The conditions whose thresholds are crossed."""
    limits = settings.eviction_hard
    nodefs, imagefs = sample.nodefs, sample.imagefs

    def crossed(signal: str, left: int, capacity: int) -> bool:
        return capacity > 0 and left < hard_threshold(limits, signal, capacity)

    found = set()
    if crossed("memory.available", sample.pressure.memory_available, sample.machine.memory):
        found.add(MEMORY_PRESSURE)
    if (
        crossed("nodefs.available", nodefs.available, nodefs.size)
        or crossed("nodefs.inodesFree", nodefs.inodes_free, nodefs.inodes)
        or crossed("imagefs.available", imagefs.available, imagefs.size)
        or crossed("imagefs.inodesFree", imagefs.inodes_free, imagefs.inodes)
    ):
        found.add(DISK_PRESSURE)
    if crossed("pid.available", sample.pressure.pids_available, sample.pressure.pids):
        found.add(PID_PRESSURE)
    return frozenset(found)


def pressures(found: frozenset[str]) -> tuple[Condition, ...]:
    """The three conditions about pressure."""
    return tuple(
        Condition(kind, kind in found, *words[1 if kind in found else 0]) for kind, words in _WORDS.items()
    )


def readiness(runtime: RuntimeStatus | None, trouble: str = "", *, shutting_down: bool = False) -> Condition:
    """Ready, or why not. runtime None: it does not answer, and trouble has its last words."""
    if shutting_down:
        return Condition(READY, is_true=False, reason=_NOT_READY, message="node is shutting down")
    problems = []
    if runtime is None:
        problems.append("container runtime is down" + (f": {trouble}" if trouble else ""))
    else:
        for kind, what in (
            ("RuntimeReady", "container runtime"),
            ("NetworkReady", "container runtime network"),
        ):
            found = runtime.condition(kind)
            if not found.status:
                told = f"{kind}=false reason:{found.reason} message:{found.message}"
                problems.append(f"{what} not ready: {told}")
    if problems:
        return Condition(READY, is_true=False, reason=_NOT_READY, message="; ".join(problems))
    return Condition(READY, is_true=True, reason=_READY[0], message=_READY[1])
