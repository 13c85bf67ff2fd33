# SPDX-License-Identifier: Apache-2.0
"""The only door to netlink: typed calls in, frozen values out, KernelError for what the kernel refuses.

pyroute2 takes almost anything for an argument and guesses; so every call here passes exact keyword values.
Its sockets belong to the thread that opened them: `node_netlink` keeps one per thread. Importing this
module costs 80 ms and more, which is why only the code that is about to work imports it.
"""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netplugin.errors import KernelError
from netplugin.model import Interface, Link, Peer, Route
from netplugin.namespaces import run_in

IFF_UP = 0x1  # linux/if.h
IFA_F_NODAD = 0x02  # linux/if_addr.h: use an IPv6 address at once, without looking for duplicates
RT_TABLE_MAIN = 254  # linux/rtnetlink.h
RTN_UNICAST = 1  # linux/rtnetlink.h
NODE_ROUTE_PROTOCOL = 157  # no program of iproute2's rt_protos has it
_GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL})


class Netlink:
    """One route netlink socket in one network namespace, for one thread."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Open a socket in the thread's own namespace, or take one over that was opened elsewhere."""
        # strict_check has the kernel filter what is listed, instead of listing every address of the node
        self._route = IPRoute(fileno=descriptor, strict_check=True)

    def close(self) -> None:
        """Close the socket."""
        self._route.close()

    def link(self, name: str) -> Link | None:
        """The interface of that name, if there is one."""
        try:
            found = self._route.link("get", ifname=name)
        except NetlinkError as error:
            if error.code in _GONE:
                return None
            raise _refused(f"look at interface {name}", error) from error
        return _link(found[0])

    def links(self) -> tuple[Link, ...]:
        """Every interface of the namespace."""
        with _explained("list interfaces"):
            return tuple(_link(message) for message in self._route.link("dump"))

    def addresses(self, index: int) -> frozenset[Interface]:
        """The interface's addresses with their prefix lengths."""
        with _explained(f"list the addresses of interface {index}"):
            found = self._route.addr("dump", index=index, dump_filter=_by_kernel)
            return frozenset(
                ip_interface(f"{message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}") for message in found
            )

    def routes(self, index: int) -> frozenset[Route]:
        """The unicast routes of the main table that lead out of the interface."""
        with _explained(f"list the routes of interface {index}"):
            found = self._route.route("dump", oif=index, table=RT_TABLE_MAIN, type=RTN_UNICAST)
            return frozenset(_route(message) for message in found)

    def create_bridge(self, name: str, mac: str, mtu: int) -> None:
        """Make a bridge that keeps its own hardware address whatever joins it; mtu 0 is the kernel's default.

        Nothing happens when another ADD was faster.
        """
        with _explained(f"create bridge {name}", accepted=errno.EEXIST):
            extra = {"mtu": mtu} if mtu else {}
            self._route.link("add", ifname=name, kind="bridge", address=mac, state="up", **extra)

    def create_veth(self, name: str, mac: str, bridge: int, mtu: int, peer: Peer) -> None:
        """Make a pair: one end here, up and in the bridge of that index, one inside the peer's namespace."""
        extra = {"mtu": mtu} if mtu else {}
        other = {"ifname": peer.name, "address": peer.mac, "net_ns_fd": peer.namespace, **extra}
        with _explained(f"create the pair of {name} on the node and {peer.name} in the pod"):
            self._route.link(
                "add", ifname=name, kind="veth", address=mac, master=bridge, state="up", peer=other, **extra
            )

    def configure_port(self, name: str, alias: str) -> None:
        """Label a bridge port, and let the bridge send a frame back where it came from (hairpin mode)."""
        with _explained(f"configure bridge port {name}"):
            self._route.link("set", ifname=name, kind="bridge_slave", ifalias=alias, mode=1)

    def set_state(self, name: str, *, up: bool) -> None:
        """Bring the interface up or down."""
        state = "up" if up else "down"
        with _explained(f"bring {name} {state}"):
            self._route.link("set", ifname=name, state=state)

    def add_address(self, index: int, address: Interface) -> None:
        """Give the interface an address; nothing happens when it has it."""
        flags = {"flags": IFA_F_NODAD} if address.version == 6 else {}
        with _explained(f"give interface {index} the address {address}", accepted=errno.EEXIST):
            self._route.addr(
                "add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags
            )

    def add_route(self, index: int, route: Route) -> None:
        """Add a route of metric 0 out of the interface."""
        via = {"gateway": str(route.gateway)} if route.gateway else {}
        with _explained(f"add the route to {route.dst} via {route.gateway}"):
            self._route.route("add", dst=str(route.dst), oif=index, **via)

    def node_routes(self) -> frozenset[Route]:
        """The routes to other nodes' pods, which carry our protocol number."""
        with _explained("list the routes to other nodes"):
            found = self._route.route("dump", proto=NODE_ROUTE_PROTOCOL, table=RT_TABLE_MAIN)
            return frozenset(_route(message) for message in found if message["proto"] == NODE_ROUTE_PROTOCOL)

    def set_node_route(self, route: Route) -> None:
        """Send what is for another node's pods to that node, which has to be on a network of this one."""
        with _explained(f"set the route to {route.dst} via {route.gateway}"):
            self._route.route(
                "replace", dst=str(route.dst), gateway=str(route.gateway), proto=NODE_ROUTE_PROTOCOL
            )

    def delete_node_route(self, route: Route) -> None:
        """Remove a route to another node's pods; nothing happens when it is gone."""
        with _explained(f"remove the route to {route.dst}", accepted=errno.ESRCH):
            self._route.route(
                "del", dst=str(route.dst), gateway=str(route.gateway), proto=NODE_ROUTE_PROTOCOL
            )

    def delete_link(self, name: str) -> bool:
        """Delete the interface; False when it was not there."""
        try:
            self._route.link("del", ifname=name)
        except NetlinkError as error:
            if error.code in _GONE:
                return False
            raise _refused(f"delete interface {name}", error) from error
        return True


_local = threading.local()


def node_netlink() -> Netlink:
    """The calling thread's socket in its own namespace, opened once."""
    found: Netlink | None = getattr(_local, "netlink", None)
    if found is None:
        found = _local.netlink = Netlink()
    return found


def close_node_netlink() -> None:
    """Close the calling thread's socket, before the thread ends."""
    found: Netlink | None = getattr(_local, "netlink", None)
    if found is not None:
        found.close()
        _local.netlink = None


@contextmanager
def netlink_in(namespace: int) -> Iterator[Netlink]:
    """A socket that was made in another namespace and stays there; its user never goes there."""
    netlink = Netlink(run_in(namespace, _open_socket))
    try:
        yield netlink
    finally:
        netlink.close()


def _by_kernel(_message: object) -> bool:
    """Have a dump's arguments sent to the kernel to filter by, in place of filtering what comes back."""
    return True


def _open_socket() -> int:
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE).detach()


@contextmanager
def _explained(doing: str, accepted: int = 0) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code != accepted:
            raise _refused(doing, error) from error


def _refused(doing: str, error: NetlinkError) -> KernelError:
    return KernelError(f"cannot {doing}: {error.args[1]} (errno {error.code})", error.code)


def _link(message: Any) -> Link:
    information = message.get_attr("IFLA_LINKINFO")
    slave = information.get_attr("IFLA_INFO_SLAVE_DATA") if information else None
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=(information.get_attr("IFLA_INFO_KIND") if information else None) or "",
        mac=message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU"),
        up=bool(message["flags"] & IFF_UP),
        master=message.get_attr("IFLA_MASTER") or 0,
        alias=message.get_attr("IFLA_IFALIAS") or "",
        hairpin=bool(slave and hasattr(slave, "get_attr") and slave.get_attr("IFLA_BRPORT_MODE")),
    )


def _route(message: Any) -> Route:
    wildcard = "0.0.0.0" if message["family"] == socket.AF_INET else "::"
    dst = ip_network(f"{message.get_attr('RTA_DST') or wildcard}/{message['dst_len']}")
    gateway = message.get_attr("RTA_GATEWAY")
    return Route(dst, ip_address(gateway) if gateway else None)
