# SPDX-License-Identifier: Apache-2.0
"""Frozen values that the plugin's parts hand each other."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
Json = dict[str, object]


@dataclass(frozen=True)
class Attachment:
    """The specification's primary key for stored state: one interface of one container in one network."""

    network: str
    container_id: str
    ifname: str

    @cached_property
    def key(self) -> str:
        """16 hex digits that stand for the attachment where names are short."""
        text = f"{self.network}\0{self.container_id}\0{self.ifname}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Pod:
    """Whom the sandbox belongs to, from CNI_ARGS; empty where a person calls the plugin by hand."""

    namespace: str = ""
    name: str = ""
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.name else ""


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses first..last of subnet, both included, are for pods; gateway is the node's own there."""

    subnet: Network
    gateway: Address
    first: Address
    last: Address

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.subnet.version

    @property
    def size(self) -> int:
        """How many pods fit in, the gateway not counted."""
        inside = self.version == self.gateway.version and int(self.first) <= int(self.gateway) <= int(
            self.last
        )
        return int(self.last) - int(self.first) + 1 - inside

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, IPv4Address | IPv6Address) or address.version != self.version:
            return False
        return int(self.first) <= int(address) <= int(self.last)

    def interface(self, address: Address) -> Interface:
        """The address with the subnet's prefix length, as an interface carries it."""
        if isinstance(address, IPv4Address):
            return IPv4Interface((address, self.subnet.prefixlen))
        return IPv6Interface((address, self.subnet.prefixlen))


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """One network as the config describes it; every value is explicit, none is looked up on the node.

    mtu is in bytes, 0 leaves the kernel's default. gc_min_age is in seconds. dns is handed through to the
    result.
    """

    name: str
    version: str
    bridge: str
    ranges: tuple[AddressRange, ...]
    state_dir: Path
    mtu: int = 0
    ip_masq: bool = False
    non_masquerade: tuple[Network, ...] = ()
    gc_min_age: float = 60.0
    dns: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that leads to a port of the pod.

    host_ip None means every address of the node; protocol is "tcp", "udp" or "sctp".
    """

    host_ip: Address | None
    host_port: int
    protocol: str
    container_port: int

    def meets(self, other: "HostPort") -> bool:
        """Whether a packet could be meant for both."""
        same = (self.host_port, self.protocol) == (other.host_port, other.protocol)
        return same and (self.host_ip is None or other.host_ip is None or self.host_ip == other.host_ip)

    def __str__(self) -> str:
        at = "" if self.host_ip is None else f"{self.host_ip}:"
        return f"{at}{self.host_port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Allocation:
    """One held address and for whom.

    created is in seconds since the epoch; duration_ms is how long the ADD took, None while it runs or when
    it was killed. container_id is "" when the file cannot be read (power loss): held by unknown, until GC
    frees it. host_ports are the node's ports that lead to this address.
    """

    network: str
    address: Address
    container_id: str = ""
    ifname: str = ""
    netns: str = ""
    pod_namespace: str = ""
    pod_name: str = ""
    pod_uid: str = ""
    host_veth: str = ""
    bridge: str = ""
    created: float = 0.0
    duration_ms: float | None = None
    host_ports: tuple[HostPort, ...] = ()

    @property
    def attachment(self) -> Attachment:
        """Whom the address belongs to."""
        return Attachment(self.network, self.container_id, self.ifname)

    @property
    def known(self) -> bool:
        """False for a file that names no container."""
        return bool(self.container_id)


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface as the kernel shows it; master is the index of its bridge or 0, mtu is in bytes."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    master: int
    alias: str
    hairpin: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A unicast route of the main table; dst is a subnet, gateway None for what is on the link."""

    dst: Network
    gateway: Address | None

    def __str__(self) -> str:
        return f"{self.dst} via {self.gateway}" if self.gateway else str(self.dst)


@dataclass(frozen=True, slots=True)
class Peer:
    """The pod's end of a pair; namespace is an open descriptor."""

    name: str
    mac: str
    namespace: int
