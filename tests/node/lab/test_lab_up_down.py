# SPDX-License-Identifier: Apache-2.0
"""A lab comes up, survives kills, is found again, and goes without a trace."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab import (
    Lab,
    LabLeftoverError,
    LabNotFoundError,
    LabRefusedError,
    LabStartError,
    NodePaths,
    cgroup,
    in_namespace,
    namespace,
    numbered_node,
    open_lab,
    process,
    ready,
    remains_of,
)
from tests.support.lab_fixture import Factory, idle_node

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="labs need root")]

DEADLINE = 20.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.01)


def pids(lab: Lab) -> tuple[int | None, ...]:
    """The supervisor, then containerd and node of each node."""
    status = lab.status()
    return (
        status.supervisor,
        *(pid for node in status.nodes for pid in (node.containerd.pid, node.node.pid)),
    )


def kill(pid: int | None) -> None:
    """SIGKILL a process of a lab, and wait until it is gone."""
    assert pid is not None
    identity = process.identify(pid)
    assert identity is not None
    assert process.kill(identity)


def kill_everything(lab: Lab) -> None:
    """SIGKILL every process of a lab, the supervisor first."""
    kill(lab.status().supervisor)
    for pid in pids(lab)[1:]:
        kill(pid)


def node_of(lab: Lab) -> NodePaths:
    return lab.paths.nodes[0]


def in_node(lab: Lab, *command: str) -> str:
    """What a command prints in the network namespace of the first node."""
    link = f"--net={node_of(lab).namespace_link}"
    return subprocess.run(["nsenter", link, *command], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def lab(no_leaks: list[str], lab_factory: Factory) -> Lab:
    made = lab_factory(idle_node())
    no_leaks.append(made.spec.name)
    return made


def test_up_gives_a_containerd_that_answers_in_the_nodes_namespace(lab: Lab) -> None:
    phases: list[tuple[str, float]] = []
    lab.up(lambda name, seconds: phases.append((name, seconds)))
    node = node_of(lab)
    plugins = in_node(lab, "ctr", "--address", str(node.containerd_socket), "plugins", "ls")
    assert [line.split()[-1] for line in plugins.splitlines() if " cri " in line] == ["ok"]
    pid = lab.status().nodes[0].containerd.pid
    assert pid is not None
    assert namespace.of_process(pid) == namespace.inode(node.namespace)
    assert Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    assert [name for name, _ in phases] == [
        "files",
        "cgroups",
        "network",
        "supervisor",
        "node1 containerd",
        "node1 node",
    ]
    assert all(seconds >= 0 for _, seconds in phases)


def test_needless_plugins_are_off_and_nothing_else_is_broken(lab: Lab) -> None:
    lab.up()
    plugins = in_node(lab, "ctr", "--address", str(node_of(lab).containerd_socket), "plugins", "ls")
    rows = [line.split() for line in plugins.splitlines()[1:]]
    assert {row[1]: row[-1] for row in rows if row[-1] != "ok"} == {}
    assert not {"btrfs", "zfs", "aufs", "devmapper", "opt"} & {row[1] for row in rows}


def test_the_network_is_a_switch_with_the_node_on_it_and_no_way_off(lab: Lab) -> None:
    lab.up()
    with in_namespace(lab.paths.switch_namespace):
        outside = socket.create_server(("172.30.0.1", 8080))
    with outside, in_namespace(node_of(lab).namespace):
        inside = socket.create_connection(("172.30.0.1", 8080), timeout=5)
    with inside:
        assert inside.getsockname()[0] == "172.30.0.11"
    routes = in_node(lab, "ip", "route")
    assert "default via 172.30.0.1 dev eth0" in routes
    assert "lo" in in_node(lab, "ip", "-o", "link", "show", "up")
    switch = ["nsenter", f"--net={lab.paths.switch_link}", "ip", "route", "show", "default"]
    assert subprocess.run(switch, capture_output=True, text=True, check=True).stdout == ""


def test_ip_netns_knows_the_namespaces(lab: Lab) -> None:
    lab.up()
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert {f"{lab.spec.name}-switch", f"{lab.spec.name}-node1"} <= {
        line.split()[0] for line in listed.splitlines()
    }
    shown = subprocess.run(
        ["ip", "netns", "exec", f"{lab.spec.name}-node1", "ip", "-br", "address", "show", "eth0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "172.30.0.11/24" in shown


def test_everything_is_in_the_labs_cgroup(lab: Lab) -> None:
    lab.up()
    members = cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    assert set(pids(lab)) == members


def test_up_again_changes_nothing(lab: Lab) -> None:
    lab.up()
    before = lab.status()
    lab.up()
    assert lab.status() == before


@pytest.mark.parametrize("service", ["containerd", "node"])
def test_a_killed_process_is_started_again(lab: Lab, service: str) -> None:
    lab.up()
    before = getattr(lab.status().nodes[0], service)
    kill(before.pid)
    node = node_of(lab)
    until(
        lambda: ready.is_ready(node, service, ready.listens_on(lab.spec, node, service)), f"{service} is back"
    )
    after = getattr(lab.status().nodes[0], service)
    assert after.pid != before.pid
    assert after.restarts == before.restarts + 1
    assert f"node1 {service} was killed by signal 9" in lab.paths.supervisor_log.read_text()


def test_a_new_supervisor_adopts_what_runs_and_watches_it(lab: Lab) -> None:
    lab.up()
    supervisor, *rest = pids(lab)
    kill(supervisor)
    assert pids(lab) == (None, *rest)
    lab.up()
    assert pids(lab)[0] not in {None, supervisor}
    assert list(pids(lab)[1:]) == rest
    kill(rest[0])
    until(lambda: pids(lab)[1] not in {None, rest[0]}, "an adopted containerd that was killed is back")


def test_up_after_everything_was_killed(lab: Lab) -> None:
    lab.up()
    kill_everything(lab)
    lab.up()
    assert lab.status().up
    assert ready.accepts(node_of(lab).containerd_socket)


def test_up_repairs_namespaces_that_somebody_deleted(lab: Lab) -> None:
    lab.up()
    for name in ("switch", "node1"):
        subprocess.run(["ip", "netns", "delete", f"{lab.spec.name}-{name}"], check=True)
    assert not lab.status().nodes[0].namespace
    lab.up()
    pid = lab.status().nodes[0].containerd.pid
    assert pid is not None
    assert namespace.of_process(pid) == namespace.inode(node_of(lab).namespace)
    assert "default via 172.30.0.1" in in_node(lab, "ip", "route")


@pytest.mark.parametrize("link", ["eth0", "node1", "sw0"])
def test_up_repairs_links(lab: Lab, link: str) -> None:
    lab.up()
    place = node_of(lab).namespace_link if link == "eth0" else lab.paths.switch_link
    subprocess.run(["nsenter", f"--net={place}", "ip", "link", "delete", link], check=True)
    before = pids(lab)
    lab.up()
    with in_namespace(lab.paths.switch_namespace):
        outside = socket.create_server(("172.30.0.1", 8080))
    with outside, in_namespace(node_of(lab).namespace):
        socket.create_connection(("172.30.0.1", 8080), timeout=5).close()
    assert pids(lab) == before


def test_down_twice(lab: Lab) -> None:
    lab.up()
    lab.down()
    assert not lab.paths.root.exists()
    lab.down()


def test_down_after_everything_was_killed(lab: Lab) -> None:
    lab.up()
    kill_everything(lab)
    lab.down()
    assert not lab.paths.root.exists()


def test_down_of_a_lab_whose_folder_is_gone(lab: Lab) -> None:
    lab.up()
    root, name = lab.paths.root, lab.spec.name
    members = cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    for mount in (lab.paths.switch_namespace, node_of(lab).namespace):
        subprocess.run(["umount", str(mount)], check=True)
    shutil.rmtree(root)
    with pytest.raises(LabNotFoundError):
        open_lab(root)
    remains_of(name, root).down()
    assert not [pid for pid in members if process.identify(pid)]
    assert not lab.paths.switch_link.is_symlink()


def test_down_kills_what_forks_and_what_left_its_session(lab: Lab) -> None:
    lab.up()
    leaf = cgroup.placed(cgroup.hierarchies())[0].folder(node_of(lab).service_cgroup("node"))
    script = f"echo $$ > {leaf}/cgroup.procs; echo in; while :; do setsid sleep 30 & sleep 0.01; done"
    fork = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    assert fork.stdout is not None
    assert fork.stdout.readline() == b"in\n"
    lab.down()
    # Killed, or ended by itself because it could not fork any more.
    assert fork.wait() != 0
    assert not cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    fork.stdout.close()


def test_down_unmounts_what_is_busy_and_stacked(lab: Lab, tmp_path: Path) -> None:
    lab.up()
    state = node_of(lab).state
    for _ in range(2):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(state)], check=True)
    with (state / "open").open("w"):
        kept = tmp_path / "kept"
        kept.write_text("not the lab's")
        (node_of(lab).folder / "bind").mkdir()
        subprocess.run(["mount", "--bind", str(tmp_path), str(node_of(lab).folder / "bind")], check=True)
        lab.down()
        assert not lab.paths.root.exists()
        assert kept.read_text() == "not the lab's"


def test_down_says_who_keeps_a_namespace(lab: Lab) -> None:
    lab.up()
    stranger = subprocess.Popen(
        ["nsenter", f"--net={node_of(lab).namespace_link}", "sh", "-c", "echo in; exec sleep 60"],
        stdout=subprocess.PIPE,
    )
    try:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"in\n"
        with pytest.raises(LabLeftoverError, match=rf"lives on in .*{stranger.pid} \(sleep\)"):
            lab.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.communicate()
    lab.down()


def test_two_labs_at_once(lab: Lab, lab_factory: Factory, no_leaks: list[str]) -> None:
    other = lab_factory(idle_node())
    no_leaks.append(other.spec.name)
    lab.up()
    other.up()
    lab.down()
    assert other.status().up
    assert ready.accepts(node_of(other).containerd_socket)
    other.down()


def test_two_nodes_reach_each_other(lab_factory: Factory) -> None:
    lab = lab_factory(idle_node(nodes=(numbered_node(1), numbered_node(2))))
    lab.up()
    assert lab.status().up
    first, second = lab.paths.nodes
    with in_namespace(second.namespace):
        server = socket.create_server(("172.30.0.12", 8080))
    with server, in_namespace(first.namespace):
        socket.create_connection(("172.30.0.12", 8080), timeout=5).close()


def test_a_folder_of_somebody_else_is_refused_and_left_alone(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    foreign = Lab(replace(lab.spec, root=tmp_path))
    for action in (foreign.up, foreign.down):
        with pytest.raises(LabRefusedError, match=r"holds precious and no lab\.json"):
            action()
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_root_and_a_folder_inside_a_lab_are_refused(lab: Lab) -> None:
    lab.up()
    for root in (Path("/"), lab.paths.root / "inside"):
        with pytest.raises(LabRefusedError):
            Lab(replace(lab.spec, root=root)).up()
    assert not (lab.paths.root / "inside").exists()


def test_a_name_that_another_lab_has_is_refused_and_that_lab_unharmed(lab: Lab, tmp_path: Path) -> None:
    lab.up()
    before = pids(lab)
    twin = Lab(replace(lab.spec, root=Path(tempfile.mkdtemp(prefix="ol-"))))
    try:
        with pytest.raises(LabRefusedError, match="belongs to something else"):
            twin.up()
        twin.down()
        assert pids(lab) == before
        assert "172.30.0.11" in in_node(lab, "ip", "address")
    finally:
        twin.paths.root.rmdir()


def test_other_values_for_a_lab_that_is_there_are_refused(lab: Lab) -> None:
    lab.up()
    with pytest.raises(LabRefusedError, match="another nodeReady"):
        Lab(replace(lab.spec, node_ready="other.sock")).up()


def test_a_process_that_does_not_start_is_told_with_its_log(lab_factory: Factory) -> None:
    lab = lab_factory(idle_node(node_command=("sh", "-c", "echo it broke >&2; exit 3")))
    with pytest.raises(LabStartError, match="it broke"):
        lab.up()
    assert "exited with 3" in lab.paths.supervisor_log.read_text()


def test_a_program_that_is_not_there_is_told(lab_factory: Factory) -> None:
    lab = lab_factory(idle_node(node_command=("no-such-program",)))
    with pytest.raises(LabStartError, match=r"cannot run `no-such-program`: .*No such file"):
        lab.up()


def test_down_from_inside_is_refused(lab: Lab) -> None:
    lab.up()
    leaf = cgroup.placed(cgroup.hierarchies())[0].folder(lab.paths.cgroup) / "supervisor"
    code = (
        "import os, sys, lab; from pathlib import Path; "
        "Path(sys.argv[1]).write_text(str(os.getpid())); lab.open_lab(sys.argv[2]).down()"
    )
    words = [sys.executable, "-c", code, f"{leaf}/cgroup.procs", str(lab.paths.root)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "cannot take lab" in done.stderr
    assert lab.status().up


def test_several_ups_at_the_same_time_make_one_lab(lab: Lab) -> None:
    lab.up()
    again = "import sys, lab; lab.open_lab(sys.argv[1]).up()"
    several = [
        subprocess.Popen([sys.executable, "-c", again, str(lab.paths.root)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    before = pids(lab)
    assert [one.communicate()[1] for one in several] == [b""] * 3
    assert pids(lab) == before


def test_a_pre_existing_empty_folder_stays(lab_factory: Factory) -> None:
    root = Path(tempfile.mkdtemp(prefix="ol-"))
    try:
        lab = lab_factory(idle_node(root=root))
        lab.up()
        lab.down()
        assert list(root.iterdir()) == []
    finally:
        root.rmdir()
