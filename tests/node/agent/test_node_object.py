# SPDX-License-Identifier: Apache-2.0
"""Nodes as the API server shows them, and as their pods see one another: a lab of two."""

import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lab import in_namespace, numbered_node
from tests.support.cluster import Cluster, condition
from tests.support.lab_fixture import joined

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    with joined(nodes=(numbered_node(1), numbered_node(2))) as cluster:
        yield cluster


def node(pair: Cluster, name: str = "node1") -> dict[str, Any]:
    return pair.get("node", name)


def test_a_node_says_who_and_how_it_is(pair: Cluster) -> None:
    found = node(pair)
    labels, status = found["metadata"]["labels"], found["status"]
    assert labels["kubernetes.io/hostname"] == "node1"
    assert labels["kubernetes.io/os"] == "linux"
    assert labels["kubernetes.io/arch"] == status["nodeInfo"]["architecture"]
    assert found["spec"]["podCIDRs"] == ["10.244.1.0/24"]
    assert {"type": "InternalIP", "address": "172.30.0.11"} in status["addresses"]
    assert {"type": "Hostname", "address": "node1"} in status["addresses"]
    assert status["daemonEndpoints"]["kubeletEndpoint"]["Port"] == 10250
    assert status["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")
    assert status["capacity"]["pods"] == "110"
    assert set(status["capacity"]) == set(status["allocatable"])
    types = {each["type"]: each["status"] for each in status["conditions"]}
    pressures = dict.fromkeys(("MemoryPressure", "DiskPressure", "PIDPressure"), "False")
    assert types == {"Ready": "True", **pressures}


def test_a_node_tells_its_images(pair: Cluster) -> None:
    def named() -> bool:
        names = [name for image in node(pair)["status"].get("images", []) for name in image["names"]]
        return "docker.io/local/busybox:1" in names

    pair.until(named, lambda: f"images: {node(pair)['status'].get('images')}")


def test_what_others_write_on_a_node_stays_and_extended_resources_are_allocatable(pair: Cluster) -> None:
    pair.run("label", "node", "node1", "example.com/rack=7")
    pair.run("annotate", "node", "node1", "example.com/note=x")
    patch = '{"status": {"capacity": {"example.com/dongle": "3"}}}'
    pair.run("patch", "node", "node1", "--subresource=status", "--type=merge", "-p", patch)
    pair.until(
        lambda: node(pair)["status"]["allocatable"].get("example.com/dongle") == "3",
        lambda: f"allocatable: {node(pair)['status']['allocatable']}",
    )
    # A restart registers anew and must keep all of it.
    renewed = lease_time(pair)
    pair.kill("node")
    pair.until(lambda: lease_time(pair) not in ("", renewed), lambda: "the Lease is not renewed")
    found = node(pair)
    assert found["metadata"]["labels"]["example.com/rack"] == "7"
    assert found["metadata"]["annotations"]["example.com/note"] == "x"
    assert found["status"]["capacity"]["example.com/dongle"] == "3"
    assert found["status"]["allocatable"]["example.com/dongle"] == "3"


def lease_time(pair: Cluster, name: str = "node1") -> str:
    words = (name, "-n", "kube-node-lease", "--ignore-not-found", "-o", "jsonpath={.spec.renewTime}")
    return pair.run("get", "lease", *words).strip()


def test_the_lease_belongs_to_the_node_and_a_deleted_node_registers_again(pair: Cluster) -> None:
    uid = node(pair)["metadata"]["uid"]

    def owner() -> str:
        words = (
            "lease",
            "node1",
            "-n",
            "kube-node-lease",
            "-o",
            "jsonpath={.metadata.ownerReferences[0].uid}",
        )
        return pair.run("get", *words).strip()

    pair.until(lambda: owner() == uid, lambda: f"the Lease is owned by {owner()}, not {uid}")
    pair.run("delete", "node", "node1")
    pair.until(
        lambda: (
            node(pair).get("metadata", {}).get("uid", uid) != uid and condition(node(pair), "Ready") == "True"
        ),
        lambda: f"node1 is {node(pair)}",
    )


def test_a_restart_flips_no_condition_of_the_node(pair: Cluster) -> None:
    before = conditions(pair)
    renewed = lease_time(pair)
    pair.kill("node")
    pair.until(lambda: lease_time(pair) not in ("", renewed), lambda: "the Lease is not renewed")
    assert conditions(pair) == before


def conditions(pair: Cluster) -> dict[str, tuple[str, str]]:
    found = node(pair)["status"]["conditions"]
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in found}


def test_pods_reach_pods_of_other_nodes(pair: Cluster) -> None:
    server = pair.start(
        "server", "mkdir /w; echo far > /w/index.html; httpd -f -p 8080 -h /w", nodeName="node1"
    )
    address = server["status"]["podIP"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network("10.244.1.0/24")
    fetch = f'until [ "$(timeout 5 wget -q -O - http://{address}:8080/)" = far ]; do sleep 0.2; done'
    pair.start("fetcher", fetch, wait=False, nodeName="node2", restartPolicy="Never")
    done = pair.await_pod("fetcher", lambda pod: pod["status"].get("phase") == "Succeeded")
    assert ipaddress.ip_address(done["status"]["podIP"]) in ipaddress.ip_network("10.244.2.0/24")


def test_a_node_drains_itself(pair: Cluster) -> None:
    pair.start("guest", nodeName="node2")
    paths = pair.lab.paths.node("node2")
    words = [sys.executable, "-m", "cli.main", "node", "--config", str(paths.config), "--drain", "60"]
    with in_namespace(paths.namespace):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node/node2 cordoned" in done.stdout
    assert "evicting pod default/guest" in done.stdout
    assert done.stdout.endswith("node/node2 drained\n")
    assert pair.pod("guest") == {}
    assert node(pair, "node2")["spec"]["unschedulable"] is True
    pair.run("uncordon", "node2")
