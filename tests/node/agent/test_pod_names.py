# SPDX-License-Identifier: Apache-2.0
"""Hostname, /etc/hosts and resolv.conf as the containers of a joined node see them."""

from typing import Any

import pytest

from tests.support.cluster import Cluster

pytestmark = pytest.mark.node

Json = dict[str, Any]
RESOLV = "cat /etc/resolv.conf"

# spec -> (script, lines that it prints; NS is the namespace, IP the pod's address)
ROWS: dict[str, tuple[Json, str, list[str]]] = {
    "plain": ({}, "hostname; tail -1 /etc/hosts", ["plain", "IP\tplain"]),
    "named": ({"hostname": "other"}, "hostname; tail -1 /etc/hosts", ["other", "IP\tother"]),
    "sub": (
        {"hostname": "h", "subdomain": "s"},
        "hostname; tail -1 /etc/hosts",
        ["h", "IP\th.s.NS.svc.cluster.local\th"],
    ),
    "fqdn": (
        {"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True},
        "hostname",
        ["h.s.NS.svc.cluster.local"],
    ),
    "aliases": (
        {"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["one", "two.example"]}]},
        "tail -3 /etc/hosts; ping -c 1 -w 1 two.example | head -1 | cut -d' ' -f3",
        ["", "# Entries added by HostAliases.", "192.0.2.7\tone\ttwo.example", "(192.0.2.7):"],
    ),
    "nodns": (
        {
            "dnsPolicy": "None",
            "dnsConfig": {
                "nameservers": ["192.0.2.53"],
                "searches": ["a.example", "b.example"],
                "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
            },
        },
        RESOLV,
        ["search a.example b.example", "nameserver 192.0.2.53", "options ndots:2 edns0"],
    ),
    "merged": (
        {"dnsPolicy": "Default", "dnsConfig": {"options": [{"name": "timeout", "value": "7"}]}},
        f"{RESOLV} | grep -o timeout:7",
        ["timeout:7"],
    ),
}


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Cluster:
    """All pods at once."""
    for name, (spec, _, _) in ROWS.items():
        cluster.start(name, wait=False, **spec)
    return cluster


@pytest.mark.parametrize("name", ROWS)
def test_names(pods: Cluster, name: str) -> None:
    _, script, expected = ROWS[name]
    pod = pods.await_ready(name)
    printed = pods.exec(name, "sh", "-c", script).splitlines()
    marks = {"NS": pods.current, "IP": pod["status"]["podIP"]}
    for mark, value in marks.items():
        expected = [line.replace(mark, value) for line in expected]
    assert printed == expected


def test_a_hostname_that_linux_cannot_set_is_told(pods: Cluster) -> None:
    pods.start("long", wait=False, hostname="h" * 50, subdomain="sub", setHostnameAsFQDN=True)
    pods.await_event("long", "FailedCreatePodSandBox", "is too long")
    pods.delete("long")


def test_a_pod_in_the_nodes_network_has_its_hosts(pods: Cluster) -> None:
    pod = pods.start("onhost", hostNetwork=True)
    assert pod["status"]["podIP"] == pod["status"]["hostIP"]
    assert (
        pods.exec("onhost", "head", "-1", "/etc/hosts") == "# Kubernetes-managed hosts file (host network).\n"
    )
    assert pod["status"]["hostIP"] in pods.exec("onhost", "ip", "-4", "-o", "address")
    pods.delete("onhost")
