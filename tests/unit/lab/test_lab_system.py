# SPDX-License-Identifier: Apache-2.0
"""The small parts: processes, mounts, cgroups, marks, locks, leftovers, back-off."""

import base64
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import (
    LabError,
    LabLeftoverError,
    LabSpec,
    backoff,
    cgroup,
    leftovers,
    lock,
    marks,
    mounts,
    process,
    supervisor,
)
from lab.up import check_folder

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="trusted.* attributes need root")


# Processes


@pytest.mark.parametrize("name", ["sh", "a b", "x) R 1 (y", ")"])
def test_a_start_time_is_found_behind_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *(str(number) for number in range(4, 53))])
    (tmp_path / "7/stat").write_text(f"7 ({name}) {fields}\n")
    assert process.start_time(7, tmp_path) == 22


def test_zombies_and_the_gone_are_not_alive(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text("7 (x) Z " + "0 " * 49)
    assert process.identify(7, tmp_path) is None
    assert process.identify(8, tmp_path) is None


def test_a_pid_that_was_used_again_is_another_process() -> None:
    own = process.identify(os.getpid())
    assert own is not None
    assert process.is_alive(own)
    earlier = process.Identity(own.pid, own.start - 1)
    assert not process.is_alive(earlier)
    assert process.open_process(earlier) is None
    assert process.kill(earlier)


def test_a_child_is_killed_and_waited_for() -> None:
    child = subprocess.Popen(["sleep", "60"])
    identity = process.identify(child.pid)
    assert identity is not None
    assert process.kill(identity)
    assert child.wait() == -9
    assert process.kill(identity)


def test_pid_files(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    assert process.read_record(path) is None
    record = process.Record(process.Identity(os.getpid(), 1), 2.5, 3)
    process.write_record(path, record)
    assert process.read_record(path) == record
    assert process.running(path) is None


@pytest.mark.parametrize("text", ["", "12\n", "{}", "[1]", '{"pid": 1}'])
def test_a_pid_file_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pid").write_text(text)
    assert process.read_record(tmp_path / "x.pid") is None


# Mounts


def test_mountinfo_with_spaces_and_optional_fields() -> None:
    text = (
        "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=continue\n"
        "37 36 0:4 net:[4026532177] /lab/x/netns rw - nsfs nsfs rw\n"
    )
    first, second = mounts.parse(text)
    assert first == mounts.Mount(Path("/mnt/a b"), "ext4", ("rw", "errors=continue"))
    assert second.kind == "nsfs"


def test_only_what_is_below_is_unmounted_last_first() -> None:
    points = ["/", "/lab", "/lab/a", "/labs", "/lab/a/b", "/lab/a"]
    table = tuple(mounts.Mount(Path(point), "tmpfs", ()) for point in points)
    found = [str(mount.point) for mount in mounts.below(Path("/lab"), table)]
    assert found == ["/lab/a", "/lab/a/b", "/lab/a", "/lab"]


# Cgroups


def hierarchy(folder: Path, *controllers: str, version: int = 1) -> cgroup.Hierarchy:
    return cgroup.Hierarchy(folder, version, controllers)


def test_hierarchies_of_a_hybrid_machine(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "1 0 0:1 / /c/pids rw - cgroup cgroup rw,pids\n"
        "2 0 0:2 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "3 0 0:3 / /c/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
        "4 0 0:4 / /c/unified rw - cgroup2 cgroup2 rw\n"
        "5 0 0:2 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    found = cgroup.hierarchies(table)
    assert [str(each.mount) for each in found] == ["/c/pids", "/c/cpu", "/c/systemd", "/c/unified"]
    assert [str(each.mount) for each in cgroup.placed(found)] == ["/c/pids", "/c/unified"]
    assert [str(each.mount) for each in cgroup.placed(found[1:3])] == ["/c/cpu"]


def test_members_of_all_levels_and_hierarchies(tmp_path: Path) -> None:
    for path, text in {"a/lab": "", "a/lab/x/y": "5\n6\n", "b/lab": "6\n7\n0\n", "a/labs": "9\n"}.items():
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / "cgroup.procs").write_text(text)
    both = (hierarchy(tmp_path / "a", "pids"), hierarchy(tmp_path / "b", "cpu"), hierarchy(tmp_path / "c"))
    assert cgroup.members(both, "/lab") == {5, 6, 7}


def test_a_new_cpuset_gets_its_parents_processors(tmp_path: Path) -> None:
    for name in ("", "lab", "lab/node1"):
        (tmp_path / name).mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            (tmp_path / name / file).write_text("0-1\n" if not name else "\n")
    cgroup.make((hierarchy(tmp_path, "cpuset"),), "/lab", "/root", ("/lab/node1",))
    assert (tmp_path / "lab/node1/cpuset.cpus").read_text() == "0-1\n"
    (tmp_path / "lab/node1/cpuset.mems").write_text("1\n")
    cgroup.make((hierarchy(tmp_path, "cpuset"),), "/lab", "/root", ("/lab/node1",))
    assert (tmp_path / "lab/node1/cpuset.mems").read_text() == "1\n"


def test_v2_hands_controllers_down_once(tmp_path: Path) -> None:
    for name in ("", "lab", "lab/node1"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "cgroup.controllers").write_text("io memory\n")
        (tmp_path / name / "cgroup.subtree_control").write_text("memory\n" if not name else "")
    cgroup.make((hierarchy(tmp_path, version=2),), "/lab", "/root", ("/lab/node1",))
    control = {
        name: (tmp_path / name / "cgroup.subtree_control").read_text() for name in ("", "lab", "lab/node1")
    }
    assert control == {"": "memory\n", "lab": "+memory", "lab/node1": "+memory"}


@root_only
def test_whose_cgroup_it_is(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/cgroup.procs").write_text("")
    here = hierarchy(tmp_path, "pids")
    assert cgroup.foreign_owner(here, "/none", "/root") is None
    assert cgroup.foreign_owner(here, "/lab", "/root") is None
    (tmp_path / "lab/cgroup.procs").write_text("5\n")
    assert cgroup.foreign_owner(here, "/lab", "/root") == "?"
    marks.write(tmp_path / "lab", "/other")
    assert cgroup.foreign_owner(here, "/lab", "/root") == "/other"
    assert cgroup.foreign_owner(here, "/lab", "/other") is None


# Marks


@root_only
def test_only_marked_and_empty_folders_are_removed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    inner = tmp_path / "there/made/deep"
    marks.make_inside(inner, lambda: (inner / "file").touch())
    marks.remove_folders(inner)
    assert inner.is_dir()
    (inner / "file").unlink()
    marks.remove_folders(inner)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert list((tmp_path / "there").iterdir()) == []
    marks.remove_folders(tmp_path / "there")
    assert (tmp_path / "there").is_dir()


@root_only
def test_labs_that_come_and_go_do_not_take_folders_away_from_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    failures: list[BaseException] = []

    def come_and_go(name: str) -> None:
        try:
            for _ in range(200):
                marks.make_inside(folder, (folder / name).touch)
                assert (folder / name).exists()
                (folder / name).unlink()
                marks.remove_folders(folder)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not (tmp_path / "a").exists()


# Locks


def test_one_at_a_time_and_told_when_the_folder_went(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    with lock.locked(folder) as held:
        assert held.current
        with pytest.raises(LabError, match="is at it"), lock.locked(folder, patience=0):
            pass
        folder.rmdir()
        folder.mkdir()
        with lock.locked(folder) as of_the_new_one:
            assert of_the_new_one.current
    with lock.locked(tmp_path / "none") as held:
        assert not held.current


def test_there_is_one_supervisor(tmp_path: Path) -> None:
    first = supervisor.take_lock(tmp_path / "lock")
    assert first is not None
    assert supervisor.take_lock(tmp_path / "lock", patience=0) is None
    os.close(first)
    second = supervisor.take_lock(tmp_path / "lock", patience=0)
    assert second is not None
    os.close(second)


# Leftovers


def result(container: str, config: str = "{}") -> str:
    return json.dumps({"containerId": container, "config": base64.b64encode(config.encode()).decode()})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (result("mine"), True),
        (result("other"), False),
        (result("other", '{"socket": "/lab/node1/run/netd.sock"}'), True),
        (result("other", '{"socket": "/labs/node1/run/netd.sock"}'), False),
        ("", False),
        ("[]", False),
        ("{}", False),
        ('{"containerId": "other", "config": 5}', False),
    ],
)
def test_which_cached_results_are_the_labs(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "cached").write_text(text)
    assert leftovers.is_ours(tmp_path / "cached", frozenset({"mine"}), Path("/lab")) is expected


def test_what_a_lab_keeps_outside_is_found_and_removed(tmp_path: Path) -> None:
    host = leftovers.HostFolders(tmp_path / "run/s", tmp_path / "cni/results")
    spec = LabSpec(name="demo", root=tmp_path / "lab")
    leftovers.claim(spec, host)
    bundle = spec.paths.node("node1").containerd_state / "io.containerd.runtime.v2.task/k8s.io/mine"
    bundle.mkdir(parents=True)
    (bundle / "address").write_text("unix:///etc/passwd")
    for name in ("mine", "other"):
        (host.cni_results / name).write_text(result(name))
    found = leftovers.find(spec, host)
    assert sorted(path.name for path in found) == [".orlop-demo", ".orlop-demo", "mine"]
    assert leftovers.remove(found, host) == ()
    assert [path.name for path in host.cni_results.iterdir()] == ["other"]
    twin = LabSpec(name="demo", root=tmp_path / "twin")
    leftovers.claim(twin, host)
    assert leftovers.find(spec, host) == ()


# Refusals, errors, back-off


def test_folders_that_are_no_labs_are_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    check_folder(tmp_path)
    (tmp_path / ".lab.json.new").touch()
    check_folder(tmp_path)
    (tmp_path / "file").touch()
    for bad in (tmp_path, tmp_path / "file", Path("/"), Path("relative")):
        with pytest.raises(LabError):
            check_folder(bad)
    (tmp_path / "lab.json").touch()
    check_folder(tmp_path)
    with pytest.raises(LabError, match="another lab's root"):
        check_folder(tmp_path / "deep" / "inside")


def test_every_problem_is_in_the_message() -> None:
    error = LabLeftoverError("lab x in /x", ("process 5 (sh) does not end", "/x/a stays mounted"))
    assert (
        str(error) == "cannot remove all of lab x in /x:\n  process 5 (sh) does not end\n  /x/a stays mounted"
    )
    assert len(error.problems) == 2


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_back_off_grows_to_its_limit_and_starts_anew_after_a_healthy_life(lives: list[float]) -> None:
    delay = 0.0
    for lived in lives:
        before, delay = delay, backoff.next_delay(delay, lived)
        assert backoff.FIRST <= delay <= backoff.LONGEST
        if lived >= backoff.HEALTHY:
            assert delay == backoff.FIRST
        else:
            assert delay >= before
