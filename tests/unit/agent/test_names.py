# SPDX-License-Identifier: Apache-2.0
"""Hostname, /etc/hosts and resolv.conf of pods."""

from typing import Any

import pytest
from lightkube.models import core_v1

from agent.errors import OperationError
from agent.pod.names import (
    check_hostname,
    dns,
    dns_config,
    hosts_file,
    misses_cluster_dns,
    parse_resolv_conf,
    pod_name,
    sandbox_hostname,
)
from cri.model import DnsConfig

DOMAIN = "cluster.local"
LONG = "a" * 62 + "-b"


def pod(name: str = "web", **spec: Any) -> core_v1.Pod:
    made = core_v1.Pod.from_dict(
        {"metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": [{"name": "a"}], **spec}}
    )
    assert isinstance(made, core_v1.Pod)
    return made


NAMES: dict[str, tuple[core_v1.Pod, str, str, str]] = {
    "the pod's": (pod(), "web", "", "web"),
    "shortened": (pod(LONG), "a" * 62, "", "a" * 62),
    "own": (pod(hostname="h"), "h", "", "h"),
    "with a subdomain": (pod(subdomain="s"), "web", "web.s.shop.svc.cluster.local", "web"),
    "as FQDN": (
        pod(hostname="h", subdomain="s", setHostnameAsFQDN=True),
        "h",
        "h.s.shop.svc.cluster.local",
        "h.s.shop.svc.cluster.local",
    ),
    "no FQDN to set": (pod(setHostnameAsFQDN=True), "web", "", "web"),
    "override": (
        pod(hostname="h", subdomain="s", hostnameOverride="x.example"),
        "x.example",
        "",
        "x.example",
    ),
    "in the node's network": (pod(hostNetwork=True), "web", "", ""),
}


@pytest.mark.parametrize("row", NAMES)
def test_hostname(row: str) -> None:
    model, hostname, fqdn, of_sandbox = NAMES[row]
    name = pod_name(model, DOMAIN)
    assert (name.hostname, name.fqdn, sandbox_hostname(model, DOMAIN)) == (hostname, fqdn, of_sandbox)


def test_an_fqdn_that_linux_cannot_set_is_told() -> None:
    model = pod(hostname="h" * 40, subdomain="sub", setHostnameAsFQDN=True)
    with pytest.raises(
        OperationError, match=r"FQDN h+.sub.shop.svc.cluster.local is too long .64 characters"
    ) as e:
        check_hostname(sandbox_hostname(model, DOMAIN))
    assert e.value.reason == "FailedCreatePodSandBox"


LOCAL = """# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
ALIASES = [{"ip": "192.0.2.7", "hostnames": ["one", "two.example"]}, {"ip": "fd00::1"}]
HOSTS: dict[str, tuple[core_v1.Pod, str]] = {
    "plain": (pod(), LOCAL + "10.0.0.7\tweb\nfd00::7\tweb\n"),
    "subdomain": (
        pod(subdomain="s"),
        LOCAL + "10.0.0.7\tweb.s.shop.svc.cluster.local\tweb\nfd00::7\tweb.s.shop.svc.cluster.local\tweb\n",
    ),
    "aliases": (
        pod(hostAliases=ALIASES),
        LOCAL
        + "10.0.0.7\tweb\nfd00::7\tweb\n\n# Entries added by HostAliases.\n192.0.2.7\tone\ttwo.example\nfd00::1\n",
    ),
    "of the node": (
        pod(hostNetwork=True, hostAliases=ALIASES[:1]),
        "# Kubernetes-managed hosts file (host network).\n127.0.1.1 node\n"
        "\n# Entries added by HostAliases.\n192.0.2.7\tone\ttwo.example\n",
    ),
}


@pytest.mark.parametrize("row", HOSTS)
def test_hosts_file(row: str) -> None:
    model, text = HOSTS[row]
    assert hosts_file(model, ("10.0.0.7", "fd00::7"), DOMAIN, "127.0.1.1 node\n") == text


NODE = DnsConfig(("192.0.2.53",), ("corp.example", "lab.example"), ("timeout:2",))
CLUSTER = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
DNS = ("10.96.0.10",)
ROWS: dict[str, tuple[dict[str, Any], tuple[str, ...], DnsConfig]] = {
    "default policy": ({}, DNS, DnsConfig(DNS, (*CLUSTER, *NODE.searches), ("ndots:5",))),
    "ClusterFirst": (
        {"dnsPolicy": "ClusterFirst"},
        DNS,
        DnsConfig(DNS, (*CLUSTER, *NODE.searches), ("ndots:5",)),
    ),
    "ClusterFirst without a cluster's": ({}, (), NODE),
    "ClusterFirst on the node's network": ({"hostNetwork": True}, DNS, NODE),
    "ClusterFirstWithHostNet": (
        {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
        DNS,
        DnsConfig(DNS, (*CLUSTER, *NODE.searches), ("ndots:5",)),
    ),
    "Default": ({"dnsPolicy": "Default"}, DNS, NODE),
    "None": (
        {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x"]}},
        DNS,
        DnsConfig(("1.1.1.1",), ("x",), ()),
    ),
    "merged": (
        {
            "dnsConfig": {
                "nameservers": ["10.96.0.10", "9.9.9.9"],
                "searches": ["cluster.local", "own.example"],
                "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
            }
        },
        DNS,
        DnsConfig(("10.96.0.10", "9.9.9.9"), (*CLUSTER, *NODE.searches, "own.example"), ("ndots:2", "edns0")),
    ),
    "merged into the node's": (
        {"dnsPolicy": "Default", "dnsConfig": {"options": [{"name": "timeout", "value": "1"}]}},
        DNS,
        DnsConfig(NODE.servers, NODE.searches, ("timeout:1",)),
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_resolver(row: str) -> None:
    spec, servers, expected = ROWS[row]
    assert dns_config(pod(**spec), servers, DOMAIN, NODE) == expected


@pytest.mark.parametrize(
    ("spec", "servers", "missing"),
    [
        ({}, (), True),
        ({}, DNS, False),
        ({"dnsPolicy": "Default"}, (), False),
        ({"hostNetwork": True}, (), False),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, (), True),
    ],
)
def test_a_missing_cluster_dns_can_be_told(
    spec: dict[str, Any], servers: tuple[str, ...], missing: bool
) -> None:
    assert misses_cluster_dns(pod(**spec), servers) is missing


def test_what_libc_would_not_read_is_left_out_and_told() -> None:
    many = {"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3"], "searches": [f"s{n}" for n in range(32)]}
    made = dns(pod(dnsConfig=many), DNS, DOMAIN, NODE)
    assert made.config.servers == ("10.96.0.10", "1.1.1.1", "1.1.1.2")
    assert len(made.config.searches) == 32
    assert made.config.searches[:4] == (*CLUSTER, "corp.example")
    assert [text.split(",")[0] for text in made.omissions] == [
        "Nameserver limits were exceeded",
        "Search Line limits were exceeded",
    ]
    assert made.omissions[0].endswith("10.96.0.10 1.1.1.1 1.1.1.2")


def test_long_search_lines_are_cut_at_a_domain() -> None:
    searches = ["x" * 250 + str(number) for number in range(10)]
    made = dns(
        pod(dnsPolicy="None", dnsConfig={"nameservers": ["1.1.1.1"], "searches": searches}), (), DOMAIN, NODE
    )
    assert made.config.searches == tuple(searches[:8])
    assert len(made.omissions) == 1


def test_the_nodes_resolver() -> None:
    text = """# made by hand
nameserver 192.0.2.53 # why
;nameserver 192.0.2.99
nameserver fe80::1%eth0
domain old.example
search corp.example. lab.example .
options timeout:2 rotate
nameserver
"""
    assert parse_resolv_conf(text) == DnsConfig(
        ("192.0.2.53", "fe80::1%eth0"), ("corp.example", "lab.example", "."), ("timeout:2", "rotate")
    )
    assert parse_resolv_conf("") == DnsConfig()
