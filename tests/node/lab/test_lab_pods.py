# SPDX-License-Identifier: Apache-2.0
"""With pods on it a lab still goes without a trace, whatever was killed before, on each containerd."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, cgroup, leftovers, mounts, process
from tests.support.lab_fixture import unique_spec
from tests.support.node import Node, load_images, manifest
from tests.support.releases import containerd_release

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="labs need root")]

HOST = leftovers.HostFolders()


@pytest.fixture(params=["1.6", "1.7", "2.1"])
def node(request: pytest.FixtureRequest, no_leaks: list[str]) -> Iterator[Node]:
    lab = Lab(unique_spec(containerd_folder=str(containerd_release(request.param))))
    no_leaks.append(lab.spec.name)
    with lab:
        load_images(lab)
        yield Node(lab)


def kill_all(lab: Lab) -> frozenset[process.Identity]:
    """SIGKILL every process in the lab's cgroup, shims and containers too; who they were.

    The supervisor goes first: it would start containerd anew, which would tidy up after its shims.
    """
    supervisor = lab.status().supervisor
    members = cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    found = [identity for pid in members if (identity := process.identify(pid))]
    found.sort(key=lambda identity: identity.pid != supervisor)
    assert all(process.kill(each) for each in found)
    return frozenset(found)


def mentions(sandboxes: frozenset[str]) -> list[Path]:
    return [path for path in HOST.cni_results.glob("*") if any(each in path.name for each in sandboxes)]


def test_pods_leave_nothing_when_all_is_killed(node: Node) -> None:
    node.put("a.yaml", manifest("a", "exec sleep 3600"))
    node.await_status("a", "Running")
    lab, paths = node.lab, node.paths
    sockets = leftovers.shim_sockets(paths, HOST)
    sandboxes = leftovers.sandbox_ids(paths)
    assert sockets
    assert mentions(sandboxes)
    killed = kill_all(lab)
    assert len(killed) >= 5
    # A shim that was killed before it wrote its address is found by how it names its socket.
    for name in ("address", "bootstrap.json"):
        for file in paths.containerd_state.glob(f"io.containerd.runtime.v2.task/*/*/{name}"):
            file.unlink()
    assert set(leftovers.shim_sockets(paths, HOST)) == set(sockets)
    lab.down()
    assert not [socket for socket in sockets if socket.exists()]
    assert not mentions(sandboxes)
    assert not lab.paths.root.exists()
    assert not mounts.below(lab.paths.root, mounts.read())


def test_the_socket_of_a_shim_that_was_killed_alone_goes_too(node: Node) -> None:
    node.put("k.yaml", manifest("k", "exec sleep 3600"))
    node.await_status("k", "Running")
    (socket,) = leftovers.shim_sockets(node.paths, HOST)
    for pid in cgroup.members(cgroup.hierarchies(), node.lab.paths.cgroup):
        identity = process.identify(pid)
        if identity and Path(f"/proc/{pid}/comm").read_text().startswith("containerd-shim"):
            assert process.kill(identity)
    # containerd takes the bundle of a dead shim away, sooner or later; the socket stays for the lab either way.
    node.take("k.yaml")
    node.await_gone("k")
    node.lab.down()
    assert not socket.exists()


def test_everything_of_a_pod_is_in_the_labs_cgroup_and_goes_at_once(node: Node) -> None:
    node.put("b.yaml", manifest("b", "while :; do sleep 0.1 & wait; done"))
    node.await_status("b", "Running")
    lab = node.lab
    members = cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    names = {Path(f"/proc/{pid}/comm").read_text().strip()[:15] for pid in members if process.identify(pid)}
    assert {"containerd", "containerd-shim", "sh"} <= names
    lab.down()
    assert not cgroup.members(cgroup.hierarchies(), lab.paths.cgroup)
    assert not lab.paths.root.exists()


def test_pods_go_on_while_supervisor_containerd_and_node_are_away(node: Node) -> None:
    node.put("c.yaml", manifest("c", "echo $$ > /started; exec sleep 3600"))
    before = node.await_status("c", "Running")["status"]["containerStatuses"][0]["containerID"]
    lab = node.lab
    status = lab.status()
    for pid in (status.supervisor, status.nodes[0].containerd.pid, status.nodes[0].node.pid):
        assert pid is not None
        identity = process.identify(pid)
        assert identity is not None
        assert process.kill(identity)
    assert not lab.status().up
    lab.up()
    after = node.await_status("c", "Running")["status"]["containerStatuses"][0]
    assert after["containerID"] == before
    assert after["restartCount"] == 0
