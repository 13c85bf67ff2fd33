# SPDX-License-Identifier: Apache-2.0
"""Which changes make the lab's network what the specification says (pure: values in, operations out)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from lab.model import NODE_LINK, SWITCH, SWITCH_BRIDGE, LabSpec, NodeSpec
from lab.netlink import Link, NamespaceView


@dataclass(frozen=True, slots=True)
class MakeNamespace:
    """Make the network namespace of `place` (switch, or a node's name)."""

    place: str


@dataclass(frozen=True, slots=True)
class AddBridge:
    """Make a bridge."""

    place: str
    link: str


@dataclass(frozen=True, slots=True)
class AddVeth:
    """Make a veth pair between two places."""

    place: str
    link: str
    peer_place: str
    peer: str


@dataclass(frozen=True, slots=True)
class DeleteLink:
    """Delete a link that is not what it should be."""

    place: str
    link: str


@dataclass(frozen=True, slots=True)
class SetMaster:
    """Make a link a port of a bridge."""

    place: str
    link: str
    master: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """Set a link up."""

    place: str
    link: str


@dataclass(frozen=True, slots=True)
class AddAddress:
    """Give a link an address."""

    place: str
    link: str
    address: IPv4Interface


@dataclass(frozen=True, slots=True)
class SetDefaultRoute:
    """Send what has no route of its own to a gateway."""

    place: str
    gateway: IPv4Address


Operation = (
    MakeNamespace | AddBridge | AddVeth | DeleteLink | SetMaster | SetUp | AddAddress | SetDefaultRoute
)

# What a namespace holds when it is new.
FRESH = NamespaceView({"lo": Link(up=False)})


def plan_network(spec: LabSpec, observed: Mapping[str, NamespaceView]) -> tuple[Operation, ...]:
    """The operations from what is there to what should be; places missing in `observed` are made."""
    return tuple(_plan(spec, observed))


def _plan(spec: LabSpec, observed: Mapping[str, NamespaceView]) -> Iterator[Operation]:
    for place in (SWITCH, *(node.name for node in spec.nodes)):
        if place not in observed:
            yield MakeNamespace(place)
    switch = observed.get(SWITCH, FRESH)
    yield from _switch(spec, switch)
    for node in spec.nodes:
        yield from _node(spec, node, switch, observed.get(node.name, FRESH))


def _switch(spec: LabSpec, switch: NamespaceView) -> Iterator[Operation]:
    if SWITCH_BRIDGE not in switch.links:
        yield AddBridge(SWITCH, SWITCH_BRIDGE)
    yield from _link(SWITCH, "lo", switch.links.get("lo"))
    yield from _link(SWITCH, SWITCH_BRIDGE, switch.links.get(SWITCH_BRIDGE), spec.switch_address)


def _node(spec: LabSpec, node: NodeSpec, switch: NamespaceView, there: NamespaceView) -> Iterator[Operation]:
    yield from _link(node.name, "lo", there.links.get("lo"))
    port, link = switch.links.get(node.name), there.links.get(NODE_LINK)
    if port is None or link is None:
        # Half a pair leads somewhere else, for example to a namespace that somebody deleted by hand.
        if port is not None:
            yield DeleteLink(SWITCH, node.name)
        if link is not None:
            yield DeleteLink(node.name, NODE_LINK)
        port = link = None
        yield AddVeth(node.name, NODE_LINK, SWITCH, node.name)
    if port is None or port.master != SWITCH_BRIDGE:
        yield SetMaster(SWITCH, node.name, SWITCH_BRIDGE)
    yield from _link(SWITCH, node.name, port)
    changes = tuple(_link(node.name, NODE_LINK, link, node.address))
    yield from changes
    # The kernel drops a link's routes with the link: any change of it may have taken the default route.
    if changes or there.gateway != spec.switch_address.ip:
        yield SetDefaultRoute(node.name, spec.switch_address.ip)


def _link(
    place: str, name: str, link: Link | None, address: IPv4Interface | None = None
) -> Iterator[Operation]:
    if address is not None and (link is None or address not in link.addresses):
        yield AddAddress(place, name, address)
    if link is None or not link.up:
        yield SetUp(place, name)
