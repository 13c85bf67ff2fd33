# SPDX-License-Identifier: Apache-2.0
"""Folders with the files of a cgroup file system, for tests without root: what is written is kept, nothing acts."""

from collections.abc import Mapping
from pathlib import Path

V1_FILES: Mapping[str, Mapping[str, str]] = {
    "cpu": {
        "cpu.shares": "1024",
        "cpu.cfs_quota_us": "-1",
        "cpu.cfs_period_us": "100000",
        "cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 7000",
    },
    "cpuacct": {"cpuacct.usage": "5000000"},
    "cpuset": {"cpuset.cpus": "", "cpuset.mems": ""},
    "memory": {
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.usage_in_bytes": "4096",
        "memory.max_usage_in_bytes": "8192",
        "memory.use_hierarchy": "1",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
    },
    "pids": {"pids.max": "max", "pids.current": "3"},
    "systemd": {},
}

V2_FILES: Mapping[str, str] = {
    "cgroup.controllers": "cpuset cpu io memory hugetlb pids",
    "cgroup.subtree_control": "",
    "cpu.weight": "100",
    "cpu.max": "max 100000",
    "cpu.stat": "usage_usec 5000\nuser_usec 1\nsystem_usec 1\nthrottled_usec 7",
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.current": "4096",
    "memory.peak": "8192",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1",
    "pids.max": "max",
    "pids.current": "3",
}


def make_v1(mount: Path, *paths: str, swap: bool = False) -> Path:
    """A v1 machine of two CPUs with these cgroups and all above them."""
    for controller, files in V1_FILES.items():
        more = (
            {"memory.memsw.limit_in_bytes": "9223372036854771712"} if swap and controller == "memory" else {}
        )
        for path in ("/", *_with_parents(paths)):
            _fill(mount / controller / path.lstrip("/"), {**files, **more})
    (mount / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (mount / "cpuset" / "cpuset.mems").write_text("0\n")
    return mount


def make_v2(mount: Path, *paths: str) -> Path:
    """A v2 machine with these cgroups and all above them."""
    for path in ("/", *_with_parents(paths)):
        _fill(mount / path.lstrip("/"), V2_FILES)
    return mount


def _with_parents(paths: tuple[str, ...]) -> list[str]:
    return [str(level) for path in paths for level in (*reversed(Path(path).parents[:-1]), Path(path))]


def _fill(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"cgroup.procs": "", **files}.items():
        (folder / name).write_text(content + "\n")
