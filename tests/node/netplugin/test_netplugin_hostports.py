# SPDX-License-Identifier: Apache-2.0
"""Host ports, seen from everywhere a packet can come from; conflicts, removal, and rules that somebody flushed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from netplugin.config import Settings
from netplugin.install import install
from tests.node.netplugin.conftest import ours
from tests.support.cni import Runtime, addresses_of
from tests.support.netdaemon import daemon
from tests.support.netns import Namespace, namespace
from tests.support.packets import reaches, seen_through
from tests.support.wait import until

pytestmark = pytest.mark.node

NODE, OUTSIDE = "10.9.0.1", "10.9.0.2"
NODE6, OUTSIDE6 = "fd09::1", "fd09::2"


@dataclass(frozen=True)
class Place:
    """A node with a neighbour on its network, two pods, and the plugin."""

    node: Namespace
    outside: Namespace
    web: Namespace
    other: Namespace
    runtime: Runtime
    settings: Settings

    def client(self, name: str) -> Namespace:
        return {"node": self.node, "outside": self.outside, "web": self.web, "other": self.other}[name]


def port(inner: int, outer: int, **more: object) -> dict[str, object]:
    return {"containerPort": inner, "hostPort": outer, **more}


def wish(*ports: dict[str, object]) -> dict[str, object]:
    return {"runtimeConfig": {"portMappings": list(ports)}}


@pytest.fixture
def place(node: Namespace, new_pod, settings: Settings) -> Iterator[Place]:
    settings = replace(settings, pod_cidrs=(*settings.pod_cidrs, "fd00:1::/64"))
    install(settings)
    with namespace("outside") as outside:
        node.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside.path)
        for where, link, addresses in (
            (node, "up0", (f"{NODE}/24", f"{NODE6}/64")),
            (outside, "eth0", (f"{OUTSIDE}/24", f"{OUTSIDE6}/64")),
        ):
            for address in addresses:
                where.run("ip", "addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
            where.run("ip", "link", "set", link, "up")
        yield Place(node, outside, new_pod(), new_pod(), ours(node, settings), settings)


# Where the packet comes from, what it is sent to, and whose address the pod sees.
WAYS = [
    ("outside", NODE, OUTSIDE),
    ("node", NODE, NODE),
    ("node", "127.0.0.1", "10.244.1.1"),
    ("other", NODE, "10.244.1.1"),
    ("other", "10.244.1.1", "10.244.1.1"),
    ("web", NODE, "10.244.1.1"),
    ("outside", NODE6, OUTSIDE6),
    ("node", NODE6, NODE6),
    ("other", NODE6, "fd00:1::1"),
    ("web", NODE6, "fd00:1::1"),
]


def test_every_way_to_a_host_port(place: Place) -> None:
    web = addresses_of(
        place.runtime.add(place.web, "c1", **wish(port(80, 8080), port(53, 8080, protocol="UDP")))
    )
    place.runtime.add(place.other, "c2", name="other")
    for who, target, source in WAYS:
        address = next(one for one in web if (":" in one) == (":" in target))
        for protocol, inner in (("tcp", 80), ("udp", 53)):
            seen = seen_through(place.client(who), (target, 8080), place.web, (address, inner), protocol)
            assert seen == source, f"{who} -> {target} {protocol}"


def test_the_loopback_addresses_of_the_node_stay_its_own(place: Place) -> None:
    """route_localnet would let pods in, were it not for the guard: without it, they come in."""
    place.runtime.add(place.web, "c1", **wish(port(80, 8080)))
    place.web.run("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1")
    place.web.run("ip", "route", "add", "127.0.0.2/32", "via", "10.244.1.1", "table", "9")
    place.web.run("ip", "rule", "add", "pref", "1", "lookup", "local")
    place.web.run("ip", "rule", "del", "pref", "0", "lookup", "local")
    place.web.run("ip", "rule", "add", "pref", "0", "to", "127.0.0.2/32", "lookup", "9")
    assert not reaches(place.web, place.node, "127.0.0.2")
    place.node.run("nft", "flush", "chain", "inet", "orlop-netplugin", "hostports-guard-orlop")
    assert reaches(place.web, place.node, "127.0.0.2")


def test_a_host_ip_is_the_only_way_in(place: Place) -> None:
    [web, _] = addresses_of(place.runtime.add(place.web, "c1", **wish(port(80, 8080, hostIP=NODE))))
    assert seen_through(place.outside, (NODE, 8080), place.web, (web, 80)) == OUTSIDE
    place.runtime.add(place.other, "c2", name="other")
    with pytest.raises(OSError, match="refused"):
        seen_through(place.other, ("10.244.1.1", 8080), place.web, (web, 80))


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (port(80, 8080), port(81, 8080), True),
        (port(80, 8080), port(80, 8080, protocol="udp"), False),
        (port(80, 8080), port(80, 8081), False),
        (port(80, 8080, hostIP=NODE), port(80, 8080), True),
        (port(80, 8080, hostIP="0.0.0.0"), port(80, 8080, hostIP=NODE), True),
        (port(80, 8080, hostIP=NODE), port(80, 8080, hostIP="10.9.0.3"), False),
    ],
    ids=str,
)
def test_a_port_leads_to_one_pod(place: Place, first, second, meet: bool) -> None:
    place.runtime.add(place.web, "c1", **wish(first))
    answer = place.runtime.call("ADD", place.other, "c2", name="other", **wish(second))
    assert answer.code == (1 if meet else 0)
    if meet:
        assert answer.result["code"] == 105
        assert "leads to default/web already" in answer.result["msg"]
        assert place.other.links() == {}
        place.runtime.delete(place.web)
        place.runtime.add(place.other, "c2", name="other", **wish(second))


def test_a_port_goes_with_its_pod(place: Place) -> None:
    [web, _] = addresses_of(place.runtime.add(place.web, "c1", **wish(port(80, 8080))))
    place.runtime.add(place.other, "c2", name="other", **wish(port(80, 9090)))
    place.runtime.delete(place.web)
    table = place.node.run("nft", "list", "table", "inet", "orlop-netplugin").stdout.decode()
    assert "8080" not in table
    assert web not in table
    assert "9090" in table


def test_check_names_a_port_that_is_gone(place: Place) -> None:
    result = place.runtime.add(place.web, "c1", **wish(port(80, 8080)))
    assert place.runtime.check(place.web, result).code == 0
    place.node.run("nft", "flush", "map", "inet", "orlop-netplugin", "hostports4-orlop")
    answer = place.runtime.check(place.web, result)
    assert answer.code == 1
    assert "host port tcp . 8080 : 10.244.1.2 . 80 is not in map hostports4-orlop" in answer.result["msg"]


def test_what_somebody_flushed_comes_back(place: Place) -> None:
    with daemon(place.node, place.settings, interval=0.1):
        [web, _] = addresses_of(place.runtime.add(place.web, "c1", **wish(port(80, 8080))))
        for flush in (("ruleset",), ("map", "inet", "orlop-netplugin", "hostports4-orlop")):
            place.node.run("nft", "flush", *flush)

            def leads_there() -> bool:
                try:
                    return seen_through(place.outside, (NODE, 8080), place.web, (web, 80)) == OUTSIDE
                except OSError:
                    return False

            until(leads_there)


def test_the_spelling_of_containerd_1_6(place: Place) -> None:
    asked = {"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}
    [web, _] = addresses_of(place.runtime.add(place.web, "c1", **wish(asked)))
    assert seen_through(place.outside, (NODE, 8080), place.web, (web, 80)) == OUTSIDE


def test_a_repeated_add_keeps_its_port(place: Place) -> None:
    first = place.runtime.add(place.web, "c1", **wish(port(80, 8080)))
    assert place.runtime.add(place.web, "c1", **wish(port(80, 8080))) == first


@pytest.mark.parametrize(
    "bad", [{}, {"containerPort": 0}, port(80, 70000), port(80, 1, protocol="icmp"), "80"], ids=str
)
def test_an_impossible_port_is_refused(place: Place, bad) -> None:
    answer = place.runtime.call("ADD", place.web, **wish(bad))
    assert (answer.code, answer.result["code"]) == (1, 7)
    assert "portMappings has" in answer.result["msg"]
