# SPDX-License-Identifier: Apache-2.0
"""The lab's only door to netlink: what links a network namespace has, and the few changes that a lab needs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

# Not from the top of the package: that imports ten times as much and doubles the time of a warm `orlop up`.
from pyroute2.iproute.linux import IPRoute

from lab.syscalls import in_namespace

_UP = 1
"""IFF_UP, linux/if.h"""
_MAIN_TABLE = 254
_EVERYTHING = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class Link:
    """A link: whether it is up, the name of its bridge ("" without one), its IPv4 addresses."""

    up: bool
    master: str = ""
    addresses: frozenset[IPv4Interface] = frozenset()


@dataclass(frozen=True, slots=True)
class NamespaceView:
    """What is in a network namespace: links by name, the default route's gateway, other routes' gateways."""

    links: dict[str, Link]
    gateway: IPv4Address | None = None
    routes: dict[IPv4Network, IPv4Address] = field(default_factory=dict)


@contextmanager
def _open(namespace: Path) -> Iterator[Any]:
    with in_namespace(namespace), IPRoute() as route:
        yield route


def observe(namespace: Path) -> NamespaceView:
    """Read links, IPv4 addresses and the default route of the namespace at `namespace`."""
    with _open(namespace) as route:
        links = list(route.get_links())
        names = {link["index"]: link.get("ifname") for link in links}
        addresses: dict[int, set[IPv4Interface]] = {index: set() for index in names}
        for address in route.get_addr(family=socket.AF_INET):
            text = f"{address.get('local') or address.get('address')}/{address['prefixlen']}"
            addresses.setdefault(address["index"], set()).add(IPv4Interface(text))
        routes = _routes(route)
        gateway = routes.pop(_EVERYTHING, None)
        return NamespaceView(
            {
                link.get("ifname"): Link(
                    up=bool(link["flags"] & _UP),
                    master=names.get(link.get("master"), ""),
                    addresses=frozenset(addresses[link["index"]]),
                )
                for link in links
            },
            gateway,
            routes,
        )


def _routes(route: Any) -> dict[IPv4Network, IPv4Address]:
    return {
        IPv4Network(f"{found.get('dst') or '0.0.0.0'}/{found['dst_len']}"): IPv4Address(found.get("gateway"))
        for found in route.get_routes(family=socket.AF_INET, table=_MAIN_TABLE)
        if found.get("gateway")
    }


def add_bridge(namespace: Path, name: str) -> None:
    """Make a bridge without spanning tree, so that a new port forwards at once."""
    with _open(namespace) as route:
        route.link("add", ifname=name, kind="bridge", br_stp_state=0)


def add_veth(namespace: Path, name: str, peer_namespace: Path, peer: str) -> None:
    """Make a veth pair: `name` here, `peer` in the other namespace."""
    with peer_namespace.open("rb") as there, _open(namespace) as route:
        route.link("add", ifname=name, kind="veth", peer={"ifname": peer, "net_ns_fd": there.fileno()})


def delete_link(namespace: Path, name: str) -> None:
    """Delete a link, and with a veth its other end."""
    with _open(namespace) as route:
        route.link("del", index=_index(route, name))


def set_master(namespace: Path, name: str, master: str) -> None:
    """Make a link a port of the bridge `master`."""
    with _open(namespace) as route:
        route.link("set", index=_index(route, name), master=_index(route, master))


def set_up(namespace: Path, name: str) -> None:
    """Set a link up."""
    with _open(namespace) as route:
        route.link("set", index=_index(route, name), state="up")


def add_address(namespace: Path, name: str, address: IPv4Interface) -> None:
    """Give a link an address."""
    with _open(namespace) as route:
        index = _index(route, name)
        route.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)


def set_default_route(namespace: Path, gateway: IPv4Address) -> None:
    """Send everything without a route of its own to `gateway`."""
    with _open(namespace) as route:
        route.route("replace", dst="default", gateway=str(gateway))


def set_route(namespace: Path, destination: IPv4Network, gateway: IPv4Address) -> None:
    """Send what is for `destination` to `gateway`."""
    with _open(namespace) as route:
        route.route("replace", dst=str(destination), gateway=str(gateway))


def _index(route: Any, name: str) -> int:
    found = route.link_lookup(ifname=name)
    if not found:
        raise LookupError(f"no link {name}")
    return int(found[0])
