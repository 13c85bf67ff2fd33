# SPDX-License-Identifier: Apache-2.0
"""cgroup v1: one hierarchy per controller (or per group of them), all with the same folders.

A cgroup is made in every hierarchy that is mounted, the nameless and the unified one of hybrid machines
included: the runtime puts its containers' processes into all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.cgroup import tree
from agent.cgroup.errors import CgroupError
from agent.cgroup.files import CpuAcctV1, CpuSetV1, CpuV1, Files, MemoryV1, PidsV1, Value
from agent.cgroup.model import CgroupLimits, CgroupUsage
from agent.cgroup.shares import DEFAULT_SHARES, PERIOD_US

# memory.limit_in_bytes says "no limit" as the largest number of whole pages; no machine has 4 EiB.
_NO_MEMORY_LIMIT: Final = 2**62

_CLASSES: Final[Mapping[str, type]] = {
    "cpu": CpuV1,
    "cpuacct": CpuAcctV1,
    "cpuset": CpuSetV1,
    "memory": MemoryV1,
    "pids": PidsV1,
}


@dataclass(frozen=True, slots=True)
class Write:
    """One file of one controller, and what goes into it."""

    controller: str
    file: str
    value: Value


def plan_writes(now: CgroupLimits, wanted: CgroupLimits, *, counts_swap: bool) -> list[Write]:
    """What to write, in order, to get from one set of limits to another; pure. No difference, no write.

    `counts_swap` says that memory.memsw.limit_in_bytes is there, which limits memory and swap together. It
    is set to the same amount, so that a pod cannot evade its limit into swap. The kernel never lets it be
    lower than the memory limit, so whichever has to give way goes first.
    """
    writes: list[Write] = []
    if now.cpu_shares != (wanted.cpu_shares or DEFAULT_SHARES):
        writes.append(Write("cpu", "shares", wanted.cpu_shares or DEFAULT_SHARES))
    period = wanted.cpu_period_us or PERIOD_US
    if (now.cpu_period_us or PERIOD_US) != period:
        # An old quota with a new period could be more than the parent allows, or less than was asked for.
        writes += [Write("cpu", "cfs_quota_us", None), Write("cpu", "cfs_period_us", period)]
        writes += [Write("cpu", "cfs_quota_us", wanted.cpu_quota_us)] if wanted.cpu_quota_us else []
    elif now.cpu_quota_us != wanted.cpu_quota_us:
        writes.append(Write("cpu", "cfs_quota_us", wanted.cpu_quota_us))
    if now.memory_max != wanted.memory_max:
        both = [Write("memory", "limit_in_bytes", wanted.memory_max)]
        both += [Write("memory", "memsw_limit_in_bytes", wanted.memory_max)] if counts_swap else []
        writes += both if _is_lower(wanted.memory_max, now.memory_max) else reversed(both)
    if now.pids_max != wanted.pids_max:
        writes.append(Write("pids", "max", wanted.pids_max))
    return writes


def _is_lower(limit: int | None, than: int | None) -> bool:
    return limit is not None and (than is None or limit < than)


@dataclass(frozen=True, slots=True)
class HierarchiesV1:
    """The hierarchies below one mount folder: `controllers` says in which folder each controller lives."""

    folders: tuple[Path, ...]
    controllers: Mapping[str, Path]

    def make(self, path: str) -> None:
        """Make a cgroup, whose parent exists, in every hierarchy."""
        for hierarchy in self.folders:
            tree.make(tree.inside(hierarchy, path))
        self._inherit_cpuset(path)
        memory = self._files("memory", path)
        # Before Linux 5.11 a limit did not bind the cgroups below unless this was on.
        if memory is not None and memory.integer("use_hierarchy") == 0:
            memory.write("use_hierarchy", 1)

    def write_limits(self, path: str, limits: CgroupLimits) -> None:
        """Make the kernel's limits equal to `limits`; writes nothing if they are already."""
        memory = self._files("memory", path)
        counts_swap = memory is not None and memory.has("memsw_limit_in_bytes")
        for write in plan_writes(self.read_limits(path), limits, counts_swap=counts_swap):
            files = self._files(write.controller, path)
            if files is None:
                raise CgroupError(
                    f"cannot write {write.value} to {write.controller}'s {write.file} of {path}: "
                    f"this machine has no {write.controller} controller (found: {', '.join(self.controllers)})"
                )
            files.write(write.file, write.value)

    def read_limits(self, path: str) -> CgroupLimits:
        """The limits as the kernel states them; raises CgroupGoneError where the cgroup is gone."""
        cpu, memory, pids = (self._files(name, path) for name in ("cpu", "memory", "pids"))
        limit = memory.integer("limit_in_bytes") if memory else None
        return CgroupLimits(
            cpu_shares=cpu.integer("shares") if cpu else None,
            cpu_quota_us=cpu.integer("cfs_quota_us") if cpu else None,
            cpu_period_us=cpu.integer("cfs_period_us") if cpu else None,
            memory_max=limit if limit is not None and limit < _NO_MEMORY_LIMIT else None,
            pids_max=pids.integer("max") if pids else None,
        )

    def read_usage(self, path: str) -> CgroupUsage:
        """What the cgroup and all below it used; raises CgroupGoneError where the cgroup is gone."""
        cpu, account, memory, pids = (
            self._files(name, path) for name in ("cpu", "cpuacct", "memory", "pids")
        )
        return CgroupUsage(
            cpu_us=_microseconds(account.integer("usage") if account else None),
            throttled_us=_microseconds(cpu.counters("stat").get("throttled_time") if cpu else None),
            memory_bytes=memory.integer("usage_in_bytes") if memory else None,
            memory_peak_bytes=memory.integer("max_usage_in_bytes") if memory else None,
            pids=pids.integer("current") if pids else None,
            oom_kills=_oom_kills(memory.folder) if memory else None,
        )

    def _files(self, controller: str, path: str) -> Files | None:
        hierarchy = self.controllers.get(controller)
        return Files(_CLASSES[controller], tree.inside(hierarchy, path)) if hierarchy else None

    def _inherit_cpuset(self, path: str) -> None:
        """A new cpuset has no CPU and no memory node, and no process may enter it until it has."""
        here, above = self._files("cpuset", path), self._files("cpuset", path.rpartition("/")[0])
        if here is None or above is None:
            return
        for file in ("cpus", "mems"):
            if not here.numbers(file) and (inherited := above.numbers(file)):
                here.write(file, inherited)


def find_hierarchies(mount: Path) -> HierarchiesV1 | None:
    """The hierarchies mounted below `mount`, or None.

    A folder that holds cgroups has cgroup.procs; its name lists its controllers ("cpu,cpuacct"). Links are
    other names of the same folders.
    """
    folders = tuple(
        folder
        for folder in sorted(mount.iterdir())
        if not folder.is_symlink() and (folder / "cgroup.procs").is_file()
    )
    controllers = {name: folder for folder in folders for name in folder.name.split(",")}
    return HierarchiesV1(folders, controllers) if controllers.keys() & _CLASSES.keys() else None


def _oom_kills(folder: Path) -> int:
    """v1 counts in the cgroup of the killed process alone, so the containers' counts are added up."""
    return sum(
        Files(MemoryV1, cgroup).counters("oom_control").get("oom_kill", 0)
        for cgroup in tree.bottom_up(folder)
    )


def _microseconds(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else nanoseconds // 1000
