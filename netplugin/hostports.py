# SPDX-License-Identifier: Apache-2.0
"""Ports of the node that lead into pods (hostPort): maps in nftables, one lookup whatever their number.

What should be in the maps is written in the allocations on disk, so each write states the whole: a process that was
killed in between leaves nothing that the next write does not mend. The chains are one set per network:

    hostports-in (prerouting), hostports-out (output) -> hostports: local address? mark, then dnat by map
    hostports-post (postrouting): a marked packet gets the node's source address

Marked is what would otherwise be answered past the node: packets of pods, which share the bridge with the pod that
answers, and of 127.0.0.1. Everybody else's source address stays.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from netplugin.masquerade import TABLE
from netplugin.model import Address, Allocation, HostPort, Network, NetworkConfig

MARK = 0x2000
"""The bit of the packet's mark that is ours; kube-proxy's bits are 0x4000 and 0x8000."""

_LOOPBACK = "127.0.0.0/8"
_PROTOCOLS = "{ tcp, udp, sctp }"
_FAMILIES = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}


Publish = Callable[[Iterable[Allocation]], None]
"""Makes the kernel's maps say what these allocations say; called under the network's lock."""


class Publisher(Protocol):
    """The store of one network's allocations."""

    network: str

    def publish(self, publish: Publish) -> None:
        """Call publish with all of them, under the lock."""


@dataclass(frozen=True, slots=True)
class HostPortChains:
    """The chains and maps of one network; they cost a packet to a local address one or two lookups."""

    network: str
    pods: tuple[Network, ...]

    @property
    def chain(self) -> str:
        """The chain that the kernel is asked for to see whether all is in place."""
        return f"hostports-{self.network}"

    def commands(self) -> str:
        """One transaction that makes what is missing and leaves the maps' elements alone."""
        return _text((*self._objects(), *self._rules()))

    def are_in(self, listing: str) -> bool:
        """Whether `nft list chain` shows the rules that commands() writes: each carries a hash of all."""
        return listing.count(self._comment()) == len(self._translations())

    def _objects(self) -> Iterator[str]:
        table, name = f"inet {TABLE}", self.network
        yield from (f"add {line}" for line in (f"table {table}", *_maps(name)))
        hooks = {
            "": "",
            "in-": "{ type nat hook prerouting priority dstnat; }",
            "out-": "{ type nat hook output priority -100; }",
            "post-": "{ type nat hook postrouting priority srcnat - 1; }",
            "guard-": "{ type filter hook prerouting priority raw; }",
        }
        for part, hook in hooks.items():
            yield f"add chain {table} hostports-{part}{name} {hook}"
            yield f"flush chain {table} hostports-{part}{name}"

    def _rules(self) -> Iterator[str]:
        for part, rule in (
            *(("", rule) for rule in self._translations()),
            ("in-", f"jump {self.chain}"),
            ("out-", f"jump {self.chain}"),
            ("post-", f"meta mark & {MARK:#x} != 0 masquerade fully-random"),
            # route_localnet lets pods send to 127.0.0.1 of the node: nobody but the node may.
            ("guard-", f"iif != lo ip daddr {_LOOPBACK} drop"),
        ):
            yield f"add rule inet {TABLE} hostports-{part}{self.network} {rule} {self._comment()}"

    def _translations(self) -> tuple[str, ...]:
        at, anywhere = (f"@{kind}{{version}}-{self.network}" for kind in ("hostports-at", "hostports"))
        return (
            f"meta l4proto != {_PROTOCOLS} return",
            "fib daddr type != local return",
            *(self._mark(version) for version in (4, 6) if self._sources(version)),
            *(
                f"dnat {family} to {key}meta l4proto . th dport map {target.format(version=version)}"
                for version, (family, _) in _FAMILIES.items()
                for key, target in ((f"{family} daddr . ", at), ("", anywhere))
            ),
            f"meta mark set meta mark & {0xFFFFFFFF ^ MARK:#x}",
        )

    def _mark(self, version: int) -> str:
        family, _ = _FAMILIES[version]
        sources = ", ".join(self._sources(version))
        return f"{family} saddr {{ {sources} }} meta mark set meta mark | {MARK:#x}"

    def _sources(self, version: int) -> tuple[str, ...]:
        pods = tuple(str(network) for network in self.pods if network.version == version)
        return (*pods, _LOOPBACK) if version == 4 else pods

    def _comment(self) -> str:
        text = "".join((self.network, *map(str, self.pods)))
        return f'comment "orlop {hashlib.sha256(text.encode()).hexdigest()[:12]}"'


@dataclass(frozen=True, slots=True)
class HostPortElements:
    """All ports of a network with where they lead: (port, address of the pod)."""

    network: str
    leads: tuple[tuple[HostPort, Address], ...]

    def commands(self) -> str:
        """One transaction after which the maps hold these and nothing else."""
        names = [declaration.split(" ")[3] for declaration in _maps(self.network)]
        return _text(
            (
                f"add table inet {TABLE}",
                *(f"add {line}" for line in _maps(self.network)),
                *(f"flush map inet {TABLE} {name}" for name in names),
                *(
                    f"add element inet {TABLE} {name} {{ {element} }}"
                    for name, element in sorted(self.elements())
                ),
            )
        )

    def elements(self) -> Iterator[tuple[str, str]]:
        """(map, element) as nft prints them."""
        for port, address in self.leads:
            if port.host_ip is not None and port.host_ip.version != address.version:
                continue
            kind = "hostports" if port.host_ip is None else "hostports-at"
            at = "" if port.host_ip is None else f"{port.host_ip} . "
            key = f"{at}{port.protocol} . {port.host_port}"
            yield f"{kind}{address.version}-{self.network}", f"{key} : {address} . {port.container_port}"

    def are_in(self, listing: str) -> bool:
        """Whether the listing of the whole table shows exactly these elements in the network's maps."""
        return sorted(self.elements()) == sorted(_listed(listing, self.network))


def rules_of(config: NetworkConfig) -> HostPortChains:
    """The chains of a network."""
    return HostPortChains(config.name, tuple(pool.subnet for pool in config.ranges))


def elements_of(network: str, allocations: Iterable[Allocation]) -> HostPortElements:
    """What the allocations ask for; each address gets the ports of its own IP version."""
    leads = [(port, one.address) for one in allocations for port in one.host_ports]
    return HostPortElements(network, tuple(leads))


def publisher(network: str) -> Publish:
    """What writes the ports of all allocations of a network into the kernel's maps."""

    def publish(allocations: Iterable[Allocation]) -> None:
        from netplugin import nft

        nft.run(elements_of(network, allocations).commands())

    return publish


def refresh(store: Publisher) -> None:
    """Write the maps again when they do not say what the allocations say: somebody flushed them."""

    def publish(allocations: Iterable[Allocation]) -> None:
        from netplugin import nft

        elements = elements_of(store.network, allocations)
        if elements.leads and not elements.are_in(nft.run(f"list table inet {TABLE}", missing_ok=True)):
            nft.run(elements.commands())

    store.publish(publish)


def missing(network: str, allocations: Iterable[Allocation]) -> Iterator[str]:
    """CHECK: a line for each port of these allocations that does not lead to its pod."""
    wanted = set(elements_of(network, allocations).elements())
    if wanted:
        from netplugin import nft

        listed = set(_listed(nft.run(f"list table inet {TABLE}", missing_ok=True), network))
        yield from (f"host port {element} is not in map {name}" for name, element in sorted(wanted - listed))


def conflict(wanted: Sequence[HostPort], held: Iterable[Allocation]) -> tuple[HostPort, Allocation] | None:
    """The first wanted port that somebody holds, and who; one without an address meets every address."""
    for one in held:
        for port in wanted:
            if any(port.meets(other) for other in one.host_ports):
                return port, one
    return None


def _maps(network: str) -> tuple[str, ...]:
    """The maps' declarations, "map inet TABLE NAME { type ...; }"."""
    return tuple(
        f"map inet {TABLE} {kind}{version}-{network} "
        f"{{ type {prefix.format(kind=address)}inet_proto . inet_service : {address} . inet_service; }}"
        for version, (_, address) in _FAMILIES.items()
        for kind, prefix in (("hostports", ""), ("hostports-at", "{kind} . "))
    )


def _listed(listing: str, network: str) -> Iterator[tuple[str, str]]:
    name = ""
    for line in map(str.strip, listing.splitlines()):
        words = line.split()
        if line.startswith("map ") and line.endswith("{"):
            name = words[1]
        elif line.startswith("chain "):
            name = ""
        elif " : " in line and name.startswith("hostports") and name.endswith(f"-{network}"):
            text = line.removeprefix("elements = {").removesuffix("}")
            yield from (
                (name, part.strip()) for part in text.split(",") if " : " in part and "type" not in part
            )


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)
