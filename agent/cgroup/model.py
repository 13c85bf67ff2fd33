# SPDX-License-Identifier: Apache-2.0
"""The values of this component: classes of service, limits, and what the kernel says of a cgroup."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class QosClass(StrEnum):
    """Who suffers first when the node is short of something; the words are those of status.qosClass."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The limits of one cgroup; None is the kernel's default: no limit, or 1024 shares, or 100000 us.

    cpu_shares is the weight against siblings on v1's scale of 2 to 262144, on v2 too. cpu_quota_us is CPU
    time per cpu_period_us, both microseconds. memory_max is bytes. pids_max counts processes and threads.
    """

    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int | None = None
    memory_max: int | None = None
    pids_max: int | None = None

    def describe(self) -> str:
        """One line for plans and logs: "cpu.shares 204, cpu 20000/100000 us, memory 67108864"."""
        period = self.cpu_period_us or 100_000
        parts = (
            ("cpu.shares {}", self.cpu_shares),
            (f"cpu {{}}/{period} us", self.cpu_quota_us),
            ("memory {}", self.memory_max),
            ("pids {}", self.pids_max),
        )
        return ", ".join(text.format(value) for text, value in parts if value is not None) or "no limits"


@dataclass(frozen=True, slots=True)
class CgroupUsage:
    """What a cgroup and all below it used; None where the kernel has no such file.

    cpu_us is microseconds of CPU time since the cgroup was made, throttled_us how long its quota held it
    back, memory_bytes what is charged to it now (page cache included), memory_peak_bytes the most there
    ever was, pids the processes and threads now. oom_kills counts processes that the kernel's OOM killer
    ended in the cgroup or below: on v1, which counts each cgroup for itself, the sum over the cgroups that
    are still there.
    """

    cpu_us: int | None = None
    throttled_us: int | None = None
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    pids: int | None = None
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True)
class CgroupState:
    """A cgroup as the kernel states it. Its files are named relative to `folders`, one per hierarchy used."""

    path: str
    limits: CgroupLimits
    usage: CgroupUsage
    folders: tuple[Path, ...]
