# SPDX-License-Identifier: Apache-2.0
"""The lab's control plane: kubectl reaches it from the host, kills cost no data and no port, down takes it away."""

import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab import Lab, LabStartError, in_namespace, namespace, open_lab, port, process, ready
from tests.support.kubectl import Kubectl, kubectl_or_skip
from tests.support.lab_fixture import Factory, idle_node
from tests.support.node import manifest, running_node
from tests.support.wait import until

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="labs need root")]

SECONDS = 30.0


@pytest.fixture
def lab(no_leaks: list[str], lab_factory: Factory) -> Lab:
    """A lab whose node only has a containerd: what is looked at is the control plane."""
    made = lab_factory(idle_node(controlplane=True))
    no_leaks.append(made.spec.name)
    return made


@pytest.fixture
def kubectl(lab: Lab, tmp_path: Path) -> Kubectl:
    kubectl_or_skip()
    return Kubectl(tmp_path, lab.paths.controlplane.kubeconfig)


def orlop(lab: Lab, *words: str) -> str:
    where = ("--name", lab.spec.name, "--root", str(lab.paths.root))
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *words, *where],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pid_of(lab: Lab) -> int | None:
    status = lab.status().controlplane
    assert status is not None
    return status.process.pid


def kill(pid: int | None) -> None:
    assert pid is not None
    identity = process.identify(pid)
    assert identity is not None
    assert process.kill(identity)


def is_back(lab: Lab) -> bool:
    return pid_of(lab) is not None and ready.accepts(lab.spec.api_port)


def test_kubectl_works_from_the_host(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    assert "kube-system" in kubectl.run("get", "namespaces")
    kubectl.run("create", "configmap", "notes", "--from-literal", "tide=high")
    assert "notes" in kubectl.run("get", "configmaps", "-A")
    assert kubectl.run("get", "configmap", "notes", "-o", "jsonpath={.data.tide}") == "high"
    assert kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == "kubernetes-admin"


def test_it_lives_in_its_own_namespace_and_the_nodes_reach_it(lab: Lab) -> None:
    lab.up()
    paths = lab.paths.controlplane
    pid = pid_of(lab)
    assert pid is not None
    assert (
        namespace.of_process(pid) == namespace.inode(paths.namespace) == namespace.inode(paths.namespace_link)
    )
    with in_namespace(lab.paths.nodes[0].namespace):
        client = socket.create_connection(("172.30.0.2", 6443), timeout=5)
    client.close()
    # From the host only by loopback: the address on the switch is none of its.
    with in_namespace(lab.paths.switch_namespace), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", lab.spec.api_port), timeout=5)


def test_secrets_are_for_their_owner_only(lab: Lab) -> None:
    lab.up()
    paths = lab.paths.controlplane
    assert stat.S_IMODE(paths.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.folder.stat().st_mode) == 0o700


def test_the_commands_know_it(lab: Lab) -> None:
    lab.up()
    assert orlop(lab, "kubeconfig").strip() == str(lab.paths.controlplane.kubeconfig)
    shown = orlop(lab, "status")
    assert f"at {lab.spec.api_url}, kubeconfig {lab.paths.controlplane.kubeconfig}" in shown
    data = json.loads(orlop(lab, "status", "-o", "json"))["controlPlane"]
    assert data["url"] == f"https://127.0.0.1:{lab.spec.api_port}"
    assert data["process"]["pid"] == pid_of(lab)


def test_a_killed_control_plane_is_back_on_its_port_with_its_data(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    kubectl.run("create", "configmap", "kept")
    before, kubeconfig = pid_of(lab), lab.paths.controlplane.kubeconfig.read_text()
    kill(before)
    until(lambda: is_back(lab), SECONDS)
    assert pid_of(lab) != before
    assert "kept" in kubectl.run("get", "configmap", "kept")
    assert lab.paths.controlplane.kubeconfig.read_text() == kubeconfig
    assert "controlplane was killed by signal 9" in lab.paths.supervisor_log.read_text()


def test_a_backup_of_a_running_lab_comes_back_by_restore(lab: Lab, kubectl: Kubectl, tmp_path: Path) -> None:
    lab.up()
    kubectl.run("create", "configmap", "kept", "--from-literal", "tide=high")
    copy = str(tmp_path / "copy.tar")
    assert f"{copy}: " in orlop(lab, "controlplane", "backup", copy)
    kubectl.run("delete", "configmap", "kept")
    kubectl.run("create", "configmap", "later")
    before = pid_of(lab)
    told = orlop(lab, "controlplane", "restore", "--force", copy)
    assert f"restored from {copy}" in told
    until(lambda: is_back(lab), SECONDS)
    assert pid_of(lab) != before
    assert kubectl.run("get", "configmap", "kept", "-o", "jsonpath={.data.tide}") == "high"
    assert "NotFound" in kubectl.run("get", "configmap", "later", check=False)


def test_a_new_supervisor_adopts_it_and_starts_it_anew_when_it_ends(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    kubectl.run("create", "configmap", "kept")
    before, supervisor, url = pid_of(lab), lab.status().supervisor, lab.spec.api_url
    kill(supervisor)
    assert "kept" in kubectl.run("get", "configmap", "kept")
    lab.up()
    assert lab.status().supervisor not in {None, supervisor}
    assert (pid_of(lab), lab.spec.api_url) == (before, url)
    kill(before)
    until(lambda: is_back(lab), SECONDS)
    assert "kept" in kubectl.run("get", "configmap", "kept")


def test_up_after_everything_was_killed_keeps_port_and_data(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    kubectl.run("create", "configmap", "kept")
    url = lab.spec.api_url
    kill(lab.status().supervisor)
    kill(pid_of(lab))
    again = Lab(replace(lab.spec, api_port=0))
    again.up()
    assert again.spec.api_url == open_lab(lab.paths.root).spec.api_url == url
    assert "kept" in kubectl.run("get", "configmap", "kept")


def test_up_repairs_its_namespace(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    subprocess.run(["ip", "netns", "delete", f"{lab.spec.name}-controlplane"], check=True)
    assert not lab.status().up
    lab.up()
    assert lab.status().up
    pid = pid_of(lab)
    assert pid is not None
    assert namespace.of_process(pid) == namespace.inode(lab.paths.controlplane.namespace)
    kubectl.run("get", "namespaces")


def test_a_lab_of_an_older_version_gets_one(lab: Lab, kubectl: Kubectl) -> None:
    older = Lab(replace(lab.spec, controlplane=False))
    older.up()
    before = older.status()
    values = json.loads(lab.paths.spec.read_text())
    for name in ("controlplane", "controlplaneAddress", "apiPort"):
        del values[name]
    lab.paths.spec.write_text(json.dumps(values))
    lab.up()
    assert lab.status().nodes == before.nodes
    kubectl.run("get", "namespaces")


def test_a_port_that_another_process_has_is_named(lab: Lab, lab_factory: Factory) -> None:
    taken = port.choose(lab.paths.root)
    with port.bound(taken) as other:
        other.listen()
        refused = lab_factory(replace(lab.spec, api_port=taken))
        with pytest.raises(LabStartError, match=rf"127\.0\.0\.1:{taken}: .*another process has it"):
            refused.up()


def test_down_leaves_nothing(lab: Lab, kubectl: Kubectl) -> None:
    lab.up()
    kubectl.run("get", "namespaces")
    pid, url_port = pid_of(lab), lab.spec.api_port
    lab.down()
    assert pid is not None
    assert process.identify(pid) is None
    assert not lab.paths.root.exists()
    assert not os.path.lexists(lab.paths.controlplane.namespace_link)
    assert not ready.accepts(url_port)


def test_it_reaches_pods(tmp_path: Path) -> None:
    with running_node(controlplane=True) as node:
        node.put(
            "web.yaml", manifest("web", "mkdir /w; echo ahoy > /w/index.html; exec httpd -f -p 8080 -h /w")
        )
        address = node.await_status("web", "Running")["status"]["podIP"]
        node.until(lambda: fetched(node.lab, address) == "ahoy", lambda: f"{address} does not answer")


def fetched(lab: Lab, address: str) -> str:
    """A page of a pod, asked for from the control plane's namespace; "" when nobody answers."""
    try:
        with in_namespace(lab.paths.controlplane.namespace):
            client = socket.create_connection((address, 8080), timeout=2)
        with client, client.makefile("rwb") as stream:
            stream.write(b"GET /index.html HTTP/1.0\r\n\r\n")
            stream.flush()
            return stream.read().decode().strip().rpartition("\n")[2]
    except OSError:
        return ""
