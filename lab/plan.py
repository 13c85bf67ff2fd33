# SPDX-License-Identifier: Apache-2.0
"""Which changes make the lab's network what the specification says (pure: values in, operations out)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.model import CONTROLPLANE, NODE_LINK, SWITCH, SWITCH_BRIDGE, LabSpec
from lab.netlink import Link, NamespaceView


@dataclass(frozen=True, slots=True)
class MakeNamespace:
    """Make the network namespace of `place` (switch, controlplane, or a node's name)."""

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


@dataclass(frozen=True, slots=True)
class SetRoute:
    """Send what is for a network to a gateway."""

    place: str
    destination: IPv4Network
    gateway: IPv4Address


Operation = (
    MakeNamespace
    | AddBridge
    | AddVeth
    | DeleteLink
    | SetMaster
    | SetUp
    | AddAddress
    | SetDefaultRoute
    | SetRoute
)


@dataclass(frozen=True, slots=True)
class Member:
    """A place with a link to the switch. routes: networks that are behind other members, and those' addresses."""

    name: str
    address: IPv4Interface
    routes: Mapping[IPv4Network, IPv4Address] = field(default_factory=dict)


# What a namespace holds when it is new.
FRESH = NamespaceView({"lo": Link(up=False)})


def plan_network(spec: LabSpec, observed: Mapping[str, NamespaceView]) -> tuple[Operation, ...]:
    """The operations from what is there to what should be; places missing in `observed` are made."""
    return tuple(_plan(spec, observed))


def members(spec: LabSpec) -> tuple[Member, ...]:
    """Every place beside the switch."""
    pods = {node.pod_cidr: node.address.ip for node in spec.nodes}
    # Nodes that have joined a control plane learn of one another by it, and make these routes themselves.
    found = [
        Member(node.name, node.address, {} if spec.controlplane else _without(pods, node.pod_cidr))
        for node in spec.nodes
    ]
    if spec.controlplane:
        found.append(Member(CONTROLPLANE, spec.controlplane_address, pods))
    return tuple(found)


def _without(routes: dict[IPv4Network, IPv4Address], own: IPv4Network) -> dict[IPv4Network, IPv4Address]:
    return {network: gateway for network, gateway in routes.items() if network != own}


def places(spec: LabSpec) -> tuple[str, ...]:
    """The switch and its members, by name."""
    return (SWITCH, *(member.name for member in members(spec)))


def _plan(spec: LabSpec, observed: Mapping[str, NamespaceView]) -> Iterator[Operation]:
    for place in places(spec):
        if place not in observed:
            yield MakeNamespace(place)
    switch = observed.get(SWITCH, FRESH)
    yield from _switch(spec, switch)
    for member in members(spec):
        yield from _member(spec, member, switch, observed.get(member.name, FRESH))


def _switch(spec: LabSpec, switch: NamespaceView) -> Iterator[Operation]:
    if SWITCH_BRIDGE not in switch.links:
        yield AddBridge(SWITCH, SWITCH_BRIDGE)
    yield from _link(SWITCH, "lo", switch.links.get("lo"))
    yield from _link(SWITCH, SWITCH_BRIDGE, switch.links.get(SWITCH_BRIDGE), spec.switch_address)


def _member(
    spec: LabSpec, member: Member, switch: NamespaceView, there: NamespaceView
) -> Iterator[Operation]:
    name = member.name
    yield from _link(name, "lo", there.links.get("lo"))
    port, link = switch.links.get(name), there.links.get(NODE_LINK)
    if port is None or link is None:
        # Half a pair leads somewhere else, for example to a namespace that somebody deleted by hand.
        if port is not None:
            yield DeleteLink(SWITCH, name)
        if link is not None:
            yield DeleteLink(name, NODE_LINK)
        port = link = None
        yield AddVeth(name, NODE_LINK, SWITCH, name)
    if port is None or port.master != SWITCH_BRIDGE:
        yield SetMaster(SWITCH, name, SWITCH_BRIDGE)
    yield from _link(SWITCH, name, port)
    changes = tuple(_link(name, NODE_LINK, link, member.address))
    yield from changes
    # The kernel drops a link's routes with the link: any change of it may have taken them.
    if changes or there.gateway != spec.switch_address.ip:
        yield SetDefaultRoute(name, spec.switch_address.ip)
    for network, gateway in member.routes.items():
        if changes or there.routes.get(network) != gateway:
            yield SetRoute(name, network, gateway)


def _link(
    place: str, name: str, link: Link | None, address: IPv4Interface | None = None
) -> Iterator[Operation]:
    if address is not None and (link is None or address not in link.addresses):
        yield AddAddress(place, name, address)
    if link is None or not link.up:
        yield SetUp(place, name)
