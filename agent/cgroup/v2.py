# SPDX-License-Identifier: Apache-2.0
"""cgroup v2: one hierarchy, and controllers that a parent switches on for its children."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.cgroup import tree
from agent.cgroup.errors import CgroupError
from agent.cgroup.files import Files, UnifiedV2, Value
from agent.cgroup.model import CgroupLimits, CgroupUsage
from agent.cgroup.shares import DEFAULT_SHARES, PERIOD_US, shares_to_weight, weight_to_shares


@dataclass(frozen=True, slots=True)
class Write:
    """One file of the cgroup, by its name in UnifiedV2, and what goes into it."""

    file: str
    value: Value


# What pods are limited by, here or by the runtime below; it switches on more where a container asks for it.
_NEEDED: Final = frozenset({"cpu", "cpuset", "io", "memory", "pids"})

# Which controller a file belongs to, for the error where it is not there.
_CONTROLLER: Final = {
    "cpu_weight": "cpu",
    "cpu_max": "cpu",
    "memory_max": "memory",
    "memory_swap_max": "memory",
    "pids_max": "pids",
}


def plan_writes(now: CgroupLimits, wanted: CgroupLimits, *, counts_swap: bool) -> list[Write]:
    """What to write to get from one set of limits to another; pure. No difference, no write.

    `counts_swap` says that memory.swap.max is there. It limits swap alone, so that a pod with a memory
    limit gets none, and before the memory limit, lest the kernel swaps out what no longer fits.
    """
    writes: list[Write] = []
    weight = shares_to_weight(wanted.cpu_shares or DEFAULT_SHARES)
    if now.cpu_shares is None or shares_to_weight(now.cpu_shares) != weight:
        writes.append(Write("cpu_weight", weight))
    bandwidth = (wanted.cpu_quota_us, wanted.cpu_period_us or PERIOD_US)
    if (now.cpu_quota_us, now.cpu_period_us or PERIOD_US) != bandwidth:
        writes.append(Write("cpu_max", bandwidth))
    if now.memory_max != wanted.memory_max:
        if counts_swap:
            writes.append(Write("memory_swap_max", None if wanted.memory_max is None else 0))
        writes.append(Write("memory_max", wanted.memory_max))
    if now.pids_max != wanted.pids_max:
        writes.append(Write("pids_max", wanted.pids_max))
    return writes


@dataclass(frozen=True, slots=True)
class HierarchyV2:
    """The one hierarchy, mounted at `mount`."""

    mount: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder that holds all cgroups."""
        return (self.mount,)

    def make(self, path: str) -> None:
        """Make a cgroup, whose parent exists, and switch its parent's controllers on for it."""
        self._switch_on(path.rpartition("/")[0])
        tree.make(tree.inside(self.mount, path))

    def write_limits(self, path: str, limits: CgroupLimits) -> None:
        """Make the kernel's limits equal to `limits`; writes nothing if they are already."""
        files = self._files(path)
        for write in plan_writes(self.read_limits(path), limits, counts_swap=files.has("memory_swap_max")):
            if not files.has(write.file):
                controller = _CONTROLLER[write.file]
                raise CgroupError(
                    f"cannot write {write.value} to {write.file} of {path}: its parent does not have the "
                    f"{controller} controller; see {self.mount}/cgroup.controllers and cgroup.subtree_control"
                )
            files.write(write.file, write.value)

    def read_limits(self, path: str) -> CgroupLimits:
        """The limits as the kernel states them, the weight as shares; CgroupGoneError where the cgroup is gone."""
        files = self._files(path)
        weight = files.integer("cpu_weight")
        quota, period = files.bandwidth("cpu_max")
        return CgroupLimits(
            cpu_shares=None if weight is None else weight_to_shares(weight),
            cpu_quota_us=quota,
            cpu_period_us=period,
            memory_max=files.integer("memory_max"),
            pids_max=files.integer("pids_max"),
        )

    def read_usage(self, path: str) -> CgroupUsage:
        """What the cgroup and all below it used; raises CgroupGoneError where the cgroup is gone."""
        files = self._files(path)
        cpu = files.counters("cpu_stat")
        return CgroupUsage(
            cpu_us=cpu.get("usage_usec"),
            throttled_us=cpu.get("throttled_usec"),
            memory_bytes=files.integer("memory_current"),
            memory_peak_bytes=files.integer("memory_peak"),
            pids=files.integer("pids_current"),
            oom_kills=files.counters("memory_events").get("oom_kill"),
        )

    def _files(self, path: str) -> Files:
        return Files(UnifiedV2, tree.inside(self.mount, path))

    def _switch_on(self, parent: str) -> None:
        """Give the children of `parent` what it has itself of the controllers that pods need.

        One controller a write: the one that the kernel refuses names itself in the error.
        """
        files = self._files(parent)
        for controller in sorted((_NEEDED & files.words("available")) - files.words("subtree_control")):
            files.write("subtree_control", f"+{controller}")
