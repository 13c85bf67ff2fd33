# SPDX-License-Identifier: Apache-2.0
"""What an attached pod can do, from packets: the same for our plugin in both its ways and for the reference."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.cni import addresses_of
from tests.support.netns import Namespace, namespace
from tests.support.packets import pings, reaches, seen_source
from tests.support.wait import until

pytestmark = pytest.mark.node


@contextmanager
def outside_of(node: Namespace) -> Iterator[Namespace]:
    """A namespace beside the node, 192.0.2.2 to the node's 192.0.2.1, that knows no way to pods."""
    with namespace("out") as made:
        node.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", made.name)
        node.run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
        node.run("ip", "link", "set", "up0", "up")
        made.run("ip", "addr", "add", "192.0.2.2/24", "dev", "eth0")
        made.run("ip", "link", "set", "eth0", "up")
        yield made


def test_the_result_says_what_was_made(oracle, node, pod):
    result = oracle.add(pod)
    assert result["cniVersion"] == "1.0.0"
    bridge, host, inside = result["interfaces"]
    assert (bridge["name"], inside["name"], inside["sandbox"]) == ("orlop0", "eth0", pod.path)
    [ip] = result["ips"]
    assert (ip["address"], ip["gateway"], ip["interface"]) == ("10.244.1.2/24", "10.244.1.1", 2)
    assert result["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.244.1.1"}]
    assert result["dns"] == {}
    links = node.links()
    assert links["orlop0"]["address"] == bridge["mac"]
    assert links[host["name"]]["address"] == host["mac"]
    assert links[host["name"]]["master"] == "orlop0"
    assert pod.links()["eth0"]["address"] == inside["mac"]
    assert pod.addresses("eth0") == ["10.244.1.2/24"]
    assert node.addresses("orlop0") == ["10.244.1.1/24"]


def test_pods_and_node_reach_each_other(oracle, node, new_pod):
    one, other = new_pod(), new_pod()
    [first] = addresses_of(oracle.add(one, "c1"))
    [second] = addresses_of(oracle.add(other, "c2"))
    assert pings(one, "10.244.1.1")
    assert seen_source(one, other, second) == first
    assert seen_source(other, one, first) == second
    assert seen_source(node, one, first) == "10.244.1.1"
    assert reaches(one, node, "10.244.1.1")
    assert reaches(one, one, first)


def test_only_what_leaves_the_cluster_is_masqueraded(oracle, node, new_pod):
    one, other = new_pod(), new_pod()
    [first] = addresses_of(oracle.add(one, "c1"))
    [second] = addresses_of(oracle.add(other, "c2"))
    with outside_of(node) as outside:
        assert seen_source(one, outside, "192.0.2.2") == "192.0.2.1"
        assert seen_source(other, outside, "192.0.2.2") == "192.0.2.1"
        assert seen_source(one, other, second) == first


def test_a_pod_reaches_itself_by_a_service(oracle, node, pod):
    """The node sends the pod's packet back to where it came from, with another source."""
    [address] = addresses_of(oracle.add(pod))
    rules = f"""
        table ip service {{
            chain towards {{
                type nat hook prerouting priority dstnat
                ip daddr 10.96.0.9 dnat to {address}
            }}
            chain back {{
                type nat hook postrouting priority 90
                ip saddr {address} ip daddr {address} masquerade
            }}
        }}
    """
    node.run("nft", "-f", "-", stdin=rules.encode())
    assert seen_source(pod, pod, "10.96.0.9", listen_on=address) == "10.244.1.1"


def test_check_accepts_what_add_made(oracle, pod):
    assert oracle.check(pod, oracle.add(pod)).ok().stdout == b""


TAMPERING = {
    "address gone": ("pod", "ip addr del {address}/24 dev eth0"),
    "route gone": ("pod", "ip route del default"),
    "interface gone": ("pod", "ip link del eth0"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_check_refuses_what_was_tampered_with(oracle, node, pod, what):
    result = oracle.add(pod)
    where, command = TAMPERING[what]
    [address] = addresses_of(result)
    {"pod": pod, "node": node}[where].run(*command.format(address=address).split())
    answer = oracle.check(pod, result)
    assert answer.code == 1
    assert answer.result["code"] >= 4


def test_del_leaves_nothing_of_the_pod_and_can_be_repeated(oracle, node, pod):
    result = oracle.add(pod)
    oracle.delete(pod)
    assert set(node.links()) == {"orlop0"}
    assert pod.links() == {}
    oracle.delete(pod)
    assert oracle.check(pod, result).code == 1


def test_del_works_when_the_namespace_is_gone(oracle, node):
    with namespace("short") as gone:
        oracle.add(gone)
    oracle.delete(gone)
    oracle.delete("")
    # The reference leaves this to the kernel, which takes its time.
    until(lambda: set(node.links()) == {"orlop0"})


def test_del_frees_the_address_of_its_own_container_only(oracle, new_pod):
    one, other = new_pod(), new_pod()
    oracle.add(one, "c1")
    [kept] = addresses_of(oracle.add(other, "c2"))
    oracle.delete(one, "c1")
    oracle.delete(one, "c3")
    oracle.delete(other, "c2", ifname="eth7")
    assert other.addresses("eth0") == [f"{kept}/24"]
    assert reaches(oracle.node, other, kept)


def test_an_address_is_not_given_again_at_once(oracle, pod):
    first = addresses_of(oracle.add(pod, "c1"))
    oracle.delete(pod, "c1")
    assert addresses_of(oracle.add(pod, "c2")) != first


def test_a_full_pool_is_an_error_until_an_address_is_free(oracle, node, new_pod):
    if oracle.config["type"] == "orlop":
        small = {"ranges": [{"subnet": "10.244.1.0/29"}]}
    else:
        small = {"ipam": {**oracle.config["ipam"], "ranges": [[{"subnet": "10.244.1.0/29"}]]}}
    pods = [new_pod() for _ in range(6)]
    for number, pod in enumerate(pods[:5]):
        oracle.add(pod, f"c{number}", **small)
    answer = oracle.call("ADD", pods[5], "c5", **small)
    assert answer.code == 1
    assert answer.result["msg"]
    oracle.delete(pods[5], "c5", **small)
    assert pods[5].links() == {}
    assert len(node.links()) == 6
    oracle.delete(pods[0], "c0", **small)
    oracle.add(pods[5], "c5", **small)


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_each_version_has_its_shape(oracle, pod, version):
    result = oracle.add(pod, cniVersion=version)
    assert result["cniVersion"] == version
    [ip] = result["ips"]
    assert ip.get("version") == (None if version == "1.0.0" else "4")
    if version != "0.3.1":
        assert oracle.call("CHECK", pod, cniVersion=version, prevResult=result).code == 0


def test_add_into_a_namespace_that_is_gone_fails_and_holds_nothing(oracle, node, pod):
    with namespace("short") as gone:
        pass
    answer = oracle.call("ADD", gone)
    assert answer.code == 1
    assert [name for name in node.links() if name != "orlop0"] == []
    assert addresses_of(oracle.add(pod, "c2"))
