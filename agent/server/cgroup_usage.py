# SPDX-License-Identifier: Apache-2.0
"""What a cgroup uses, read from the kernel's files, of version 1 and 2."""

from dataclasses import dataclass
from pathlib import Path

_MICROSECOND = 1000


@dataclass(frozen=True, slots=True)
class CgroupUsage:
    """CPU time in nanoseconds, memory in bytes, number of processes; None where the kernel does not tell.

    working_set is what cannot be taken back at once: usage without inactive file pages.
    """

    cpu_ns: int | None = None
    memory: int | None = None
    working_set: int | None = None
    rss: int | None = None
    cache: int | None = None
    processes: int | None = None
    page_faults: int | None = None
    major_page_faults: int | None = None


def read_usage(mount: Path, cgroup: str) -> CgroupUsage:
    """The usage of a cgroup, a path within each hierarchy below mount ("/" is all of the machine)."""
    inside = cgroup.strip("/")
    if (mount / "cgroup.controllers").exists():
        return _version_2(mount / inside)
    return _version_1(mount, inside)


def _version_1(mount: Path, inside: str) -> CgroupUsage:
    cpu = next(
        (mount / name / inside for name in ("cpuacct", "cpu,cpuacct") if (mount / name).is_dir()), None
    )
    memory = mount / "memory" / inside
    stat = _pairs(memory / "memory.stat")
    used = _number(memory / "memory.usage_in_bytes")
    return CgroupUsage(
        cpu_ns=_number(cpu / "cpuacct.usage") if cpu else None,
        memory=used,
        working_set=_without(used, stat.get("total_inactive_file")),
        rss=stat.get("total_rss"),
        cache=stat.get("total_cache"),
        processes=_number(mount / "pids" / inside / "pids.current"),
        page_faults=stat.get("total_pgfault"),
        major_page_faults=stat.get("total_pgmajfault"),
    )


def _version_2(folder: Path) -> CgroupUsage:
    cpu, stat = _pairs(folder / "cpu.stat"), _pairs(folder / "memory.stat")
    used = _number(folder / "memory.current")
    return CgroupUsage(
        cpu_ns=cpu["usage_usec"] * _MICROSECOND if "usage_usec" in cpu else None,
        memory=used,
        working_set=_without(used, stat.get("inactive_file")),
        rss=stat.get("anon"),
        cache=stat.get("file"),
        processes=_number(folder / "pids.current"),
        page_faults=stat.get("pgfault"),
        major_page_faults=stat.get("pgmajfault"),
    )


def _without(used: int | None, inactive: int | None) -> int | None:
    return None if used is None else max(0, used - (inactive or 0))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _pairs(file: Path) -> dict[str, int]:
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
        return {fields[0]: int(fields[1]) for fields in lines if len(fields) == 2}
    except (OSError, ValueError):
        return {}
