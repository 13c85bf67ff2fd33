# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from agent.cgroup.errors import CgroupError, CgroupGoneError, CgroupPathError
from agent.cgroup.manager import open_cgroups
from agent.cgroup.model import CgroupLimits, CgroupUsage
from tests.support.cgroupfs import make_v1, make_v2

POD = "/lab/kubepods/burstable/pod-default-web-12345678"
IDLE = "/lab/kubepods/besteffort/pod-default-idle-12345678"
LIMITS = CgroupLimits(204, 20_000, 100_000, 64 * 2**20, 50)


def contents(folder: Path, *names: str) -> list[str]:
    return [(folder / name).read_text().strip() for name in names]


def test_v1_limits_go_into_the_files_of_each_controller(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path, POD, swap=True))
    assert not cgroups.unified
    cgroups.ensure(POD, LIMITS)
    assert contents(
        tmp_path,
        f"cpu{POD}/cpu.shares",
        f"cpu{POD}/cpu.cfs_quota_us",
        f"cpu{POD}/cpu.cfs_period_us",
        f"memory{POD}/memory.limit_in_bytes",
        f"memory{POD}/memory.memsw.limit_in_bytes",
        f"pids{POD}/pids.max",
    ) == ["204", "20000", "100000", "67108864", "67108864", "50"]
    assert cgroups.read(POD).limits == LIMITS


def test_v1_without_swap_accounting_writes_memory_alone(tmp_path: Path) -> None:
    open_cgroups(make_v1(tmp_path, POD)).ensure(POD, LIMITS)
    assert not (tmp_path / f"memory{POD}" / "memory.memsw.limit_in_bytes").exists()


def test_v1_cpusets_are_filled_from_above(tmp_path: Path) -> None:
    open_cgroups(make_v1(tmp_path, POD)).ensure(POD, CgroupLimits())
    for level in ("/lab", "/lab/kubepods", "/lab/kubepods/burstable", POD):
        assert contents(tmp_path / f"cpuset{level}", "cpuset.cpus", "cpuset.mems") == ["0-1", "0"]


def test_v1_cpusets_of_somebodys_choice_are_left_alone(tmp_path: Path) -> None:
    make_v1(tmp_path, POD)
    (tmp_path / "cpuset" / "lab" / "cpuset.cpus").write_text("1\n")
    open_cgroups(tmp_path).ensure(POD, CgroupLimits())
    assert contents(tmp_path / f"cpuset{POD}", "cpuset.cpus") == ["1"]


def test_v1_limits_bind_what_is_below_on_old_kernels_too(tmp_path: Path) -> None:
    make_v1(tmp_path, POD)
    (tmp_path / "memory" / "lab" / "memory.use_hierarchy").write_text("0\n")
    open_cgroups(tmp_path).ensure(POD, CgroupLimits())
    assert contents(tmp_path / "memory" / "lab", "memory.use_hierarchy") == ["1"]


def test_a_cgroup_is_made_in_every_hierarchy(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path))
    cgroups.kernel.make("/lab")
    assert {folder.name for folder in tmp_path.iterdir() if (folder / "lab").is_dir()} == {
        "cpu", "cpuacct", "cpuset", "memory", "pids", "systemd",
    }  # fmt: skip


def test_v1_usage_is_added_up_from_the_controllers(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path, f"{POD}/container"))
    assert cgroups.read(POD).usage == CgroupUsage(5000, 7, 4096, 8192, 3, oom_kills=2)


def test_v1_controllers_that_share_a_folder_are_found(tmp_path: Path) -> None:
    make_v1(tmp_path)
    (tmp_path / "cpuacct" / "cpuacct.usage").rename(tmp_path / "cpu" / "cpuacct.usage")
    (tmp_path / "cpu").rename(tmp_path / "cpu,cpuacct")
    for path in (tmp_path / "cpuacct").iterdir():
        path.unlink()
    (tmp_path / "cpuacct").rmdir()
    for alias in ("cpu", "cpuacct"):
        (tmp_path / alias).symlink_to("cpu,cpuacct")
    cgroups = open_cgroups(tmp_path)
    assert (cgroups.read("/").limits.cpu_shares, cgroups.read("/").usage.cpu_us) == (1024, 5000)
    assert len([folder for folder in cgroups.kernel.folders if "cpu" in folder.name.split(",")]) == 1


def test_a_limit_without_its_controller_is_refused_by_name(tmp_path: Path) -> None:
    make_v1(tmp_path, POD)
    (tmp_path / "pids").rename(tmp_path / "pids.hidden")
    (tmp_path / "pids.hidden" / "cgroup.procs").unlink()
    with pytest.raises(CgroupError, match=r"cannot write 5 to pids's max of .* no pids controller"):
        open_cgroups(tmp_path).ensure(POD, CgroupLimits(pids_max=5))


def test_v2_limits_go_into_one_folder(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v2(tmp_path, POD))
    assert cgroups.unified
    cgroups.ensure(POD, LIMITS)
    assert contents(
        tmp_path / POD.lstrip("/"), "cpu.weight", "cpu.max", "memory.max", "memory.swap.max", "pids.max"
    ) == ["29", "20000 100000", "67108864", "0", "50"]
    limits = cgroups.read(POD).limits
    assert limits == CgroupLimits(limits.cpu_shares, 20_000, 100_000, 64 * 2**20, 50)


def test_v2_usage_comes_from_one_folder(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v2(tmp_path, f"{POD}/container"))
    assert cgroups.read(POD).usage == CgroupUsage(5000, 7, 4096, 8192, 3, oom_kills=1)


def test_v2_parents_switch_the_needed_controllers_on_and_pods_leave_that_to_the_runtime(
    tmp_path: Path,
) -> None:
    make_v2(tmp_path, POD)
    (tmp_path / "lab" / "cgroup.controllers").write_text("memory\n")
    open_cgroups(tmp_path).ensure(POD, CgroupLimits())
    # A plain folder keeps the last of several writes.
    assert contents(tmp_path, "cgroup.subtree_control", "lab/cgroup.subtree_control") == ["+pids", "+memory"]
    assert contents(tmp_path / POD.lstrip("/"), "cgroup.subtree_control") == [""]


def test_v2_a_limit_without_its_controller_is_refused_by_name(tmp_path: Path) -> None:
    make_v2(tmp_path, POD)
    (tmp_path / POD.lstrip("/") / "memory.max").unlink()
    with pytest.raises(CgroupError, match=r"cannot write 4096 to memory_max .* the memory controller"):
        open_cgroups(tmp_path).ensure(POD, CgroupLimits(memory_max=4096))


@pytest.mark.parametrize("make", [make_v1, make_v2])
def test_limits_that_are_no_longer_wanted_are_taken_away(tmp_path: Path, make: object) -> None:
    assert callable(make)
    cgroups = open_cgroups(make(tmp_path, POD))
    cgroups.ensure(POD, LIMITS)
    cgroups.ensure(POD, CgroupLimits())
    assert cgroups.read(POD).limits == CgroupLimits(1024, None, 100_000, None, None)


@pytest.mark.parametrize("make", [make_v1, make_v2])
def test_what_is_right_already_is_not_written_again(tmp_path: Path, make: object) -> None:
    assert callable(make)
    cgroups = open_cgroups(make(tmp_path, POD))
    cgroups.ensure(POD, LIMITS)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.m*") if "subtree" not in path.name}
    cgroups.ensure(POD, LIMITS)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("make", [make_v1, make_v2])
def test_best_effort_pods_share_what_two_shares_give(tmp_path: Path, make: object) -> None:
    assert callable(make)
    cgroups = open_cgroups(make(tmp_path, IDLE, POD))
    cgroups.ensure(IDLE, CgroupLimits(cpu_shares=2))
    cgroups.ensure(POD, CgroupLimits(cpu_shares=2))
    assert cgroups.read("/lab/kubepods/besteffort").limits.cpu_shares == 2
    assert cgroups.read("/lab/kubepods/burstable").limits.cpu_shares == 1024


@pytest.mark.parametrize("make", [make_v1, make_v2])
def test_pods_are_listed_by_level_and_one_hierarchy_is_enough(tmp_path: Path, make: object) -> None:
    assert callable(make)
    guaranteed = "/lab/kubepods/pod-default-db-12345678"
    cgroups = open_cgroups(make(tmp_path, f"{POD}/container", IDLE, guaranteed, "/lab/kubepods/other"))
    (cgroups.kernel.folders[-1] / "lab/kubepods/pod-left-over-12345678").mkdir()
    assert cgroups.list_pods("/lab") == tuple(
        sorted([POD, IDLE, guaranteed, "/lab/kubepods/pod-left-over-12345678"])
    )
    assert cgroups.list_pods("/elsewhere") == ()


def test_processes_below_a_cgroup_are_found_in_any_hierarchy(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path, f"{POD}/container"))
    (tmp_path / f"cpu{POD}" / "cgroup.procs").write_text("7\n")
    (tmp_path / f"memory{POD}" / "container" / "cgroup.procs").write_text("7\n9\n")
    assert cgroups.processes(POD) == (7, 9)
    assert cgroups.processes("/gone") == ()


def test_a_cgroup_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path))
    with pytest.raises(CgroupGoneError, match="cannot read cgroup /lab: there is none"):
        cgroups.read("/lab")
    cgroups.remove("/lab")
    (tmp_path / "systemd" / "lab").mkdir()
    with pytest.raises(CgroupGoneError, match="there is no such cgroup"):
        cgroups.read("/lab")
    cgroups.remove("/lab")
    assert not (tmp_path / "systemd" / "lab").exists()


def test_a_file_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path, POD))
    (tmp_path / f"cpu{POD}" / "cpu.shares").write_text("many\n")
    with pytest.raises(CgroupError, match=r"cannot read cpu\.shares of .*many"):
        cgroups.read(POD)


def test_a_file_that_cannot_be_read_is_named_with_folder_and_reason(tmp_path: Path) -> None:
    cgroups = open_cgroups(make_v1(tmp_path, POD))
    file = tmp_path / f"pids{POD}" / "pids.max"
    file.unlink()
    file.symlink_to("pids.max")
    with pytest.raises(CgroupError, match=rf"cannot read pids\.max of {file.parent}: Too many levels"):
        cgroups.read(POD)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/"])
def test_a_cgroup_that_could_be_anything_is_never_removed(tmp_path: Path, path: str) -> None:
    cgroups = open_cgroups(make_v1(tmp_path))
    with pytest.raises(CgroupError):
        cgroups.remove(path)
    assert (tmp_path / "cpu" / "cpu.shares").exists()


def test_a_path_that_leaves_the_hierarchy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CgroupPathError, match="cannot use cgroup"):
        open_cgroups(make_v1(tmp_path)).ensure("/../x", CgroupLimits())


def test_a_machine_without_cgroups_is_told_what_was_looked_for(tmp_path: Path) -> None:
    for mount in (tmp_path, tmp_path / "gone"):
        with pytest.raises(CgroupError, match=f"cannot use cgroups at {mount}: neither v2"):
            open_cgroups(mount)
