# SPDX-License-Identifier: Apache-2.0
"""What an ADD does, as a list: from config, addresses and what was observed, without looking at anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from netplugin import names
from netplugin.errors import KernelError
from netplugin.hostports import elements_of
from netplugin.hostports import rules_of as host_port_chains_of
from netplugin.masquerade import rules_of
from netplugin.model import (
    AddressRange,
    Allocation,
    Attachment,
    Interface,
    Link,
    Network,
    NetworkConfig,
    Pod,
    Route,
)
from netplugin.operations import (
    AddGateway,
    AddPodAddress,
    AddPodRoute,
    BringUpBridge,
    BringUpPod,
    ConfigurePort,
    CreateBridge,
    CreatePair,
    DeleteLink,
    EnableForwarding,
    EnableLocalnet,
    EnablePodIpv6,
    EnsureHostPortChains,
    EnsureMasquerade,
    Operation,
    PublishHostPorts,
)

_EVERYWHERE: dict[int, Network] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


@dataclass(frozen=True, slots=True)
class Observed:
    """The node before the ADD; forwarding holds the IP versions that are forwarded already."""

    bridge: Link | None
    bridge_addresses: frozenset[Interface]
    forwarding: frozenset[int]
    stale: bool


NOTHING_YET = Observed(bridge=None, bridge_addresses=frozenset(), forwarding=frozenset(), stale=False)
"""A node on which nothing was set up, for a plan without looking."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an ADD is to bring about: the pod's interface in `netns` with one address of each range."""

    config: NetworkConfig
    attachment: Attachment
    pod: Pod
    netns: str
    addresses: tuple[tuple[AddressRange, Allocation], ...]

    @property
    def host_veth(self) -> str:
        """The name of the node's end of the pair."""
        return names.host_veth(self.attachment, self.pod)

    @property
    def bridge_mac(self) -> str:
        """The bridge's hardware address, made from the first gateway's address."""
        return names.pod_mac(self.config.ranges[0].gateway)

    @property
    def pod_mac(self) -> str:
        """The pod's hardware address, made from its first address."""
        return names.pod_mac(self.addresses[0][1].address)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The default route of each IP version, through the first range's gateway."""
        gateways = {pool.version: pool.gateway for pool, _ in reversed(self.addresses)}
        return tuple(Route(_EVERYWHERE[version], gateways[version]) for version in sorted(gateways))


def plan_add(wish: Wish, observed: Observed) -> tuple[Operation, ...]:
    """The operations in their order; those for the node only as far as they are needed."""
    return (
        *_plan_node(wish, observed),
        *_plan_pair(wish, observed),
        *_plan_pod(wish),
        *_plan_host_ports(wish),
    )


def _plan_node(wish: Wish, observed: Observed) -> Iterator[Operation]:
    config = wish.config
    for version in sorted({pool.version for pool in config.ranges} - observed.forwarding):
        yield EnableForwarding(version)
    if config.ip_masq:
        yield EnsureMasquerade(rules_of(config))
    if observed.bridge is None:
        yield CreateBridge(config.bridge, wish.bridge_mac, config.mtu)
    elif observed.bridge.kind != "bridge":
        kind = observed.bridge.kind or "physical device"
        raise KernelError(
            f"cannot use {config.bridge} as bridge: it exists and is a {kind}; name another one"
        )
    elif not observed.bridge.up:
        yield BringUpBridge(config.bridge)
    for address in _gateways(config.ranges):
        if address not in observed.bridge_addresses:
            yield AddGateway(config.bridge, address)


def _plan_pair(wish: Wish, observed: Observed) -> Iterator[Operation]:
    if observed.stale:
        yield DeleteLink(wish.host_veth)
    yield CreatePair(
        name=wish.host_veth,
        mac=names.host_mac(wish.attachment),
        bridge=wish.config.bridge,
        mtu=wish.config.mtu,
        ifname=wish.attachment.ifname,
        pod_mac=wish.pod_mac,
        netns=wish.netns,
    )
    yield ConfigurePort(wish.host_veth, names.alias(wish.attachment, wish.pod))


def _plan_pod(wish: Wish) -> Iterator[Operation]:
    ifname = wish.attachment.ifname
    if any(pool.version == 6 for pool, _ in wish.addresses):
        yield EnablePodIpv6(ifname)
    yield BringUpPod(ifname)
    for pool, allocation in wish.addresses:
        yield AddPodAddress(ifname, pool.interface(allocation.address))
    for route in wish.routes:
        yield AddPodRoute(ifname, route)


def _plan_host_ports(wish: Wish) -> Iterator[Operation]:
    """After the pod is connected, so that no packet is led to where nothing answers."""
    elements = elements_of(wish.config.name, (allocation for _, allocation in wish.addresses))
    if elements.leads:
        yield EnsureHostPortChains(host_port_chains_of(wish.config))
        if any(pool.version == 4 for pool, _ in wish.addresses):
            yield EnableLocalnet(wish.config.bridge)
        yield PublishHostPorts(elements)


def _gateways(ranges: Sequence[AddressRange]) -> tuple[Interface, ...]:
    return tuple(pool.interface(pool.gateway) for pool in ranges)
