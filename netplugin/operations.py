# SPDX-License-Identifier: Apache-2.0
"""What a plan is made of: each operation is a value that can be printed, compared and performed (apply.py).

`str(operation)` is the shell command that does the same, for `--dry-run` and for people who debug.
"""

from dataclasses import dataclass

from netplugin.hostports import HostPortChains, HostPortElements
from netplugin.masquerade import TABLE, MasqueradeRules
from netplugin.model import Interface, Route


@dataclass(frozen=True, slots=True)
class EnableForwarding:
    """Let the node's namespace forward packets of one IP version."""

    version: int

    @property
    def sysctl(self) -> str:
        """The file below /proc/sys."""
        return "net/ipv4/ip_forward" if self.version == 4 else "net/ipv6/conf/all/forwarding"

    def __str__(self) -> str:
        return f"sysctl -w {self.sysctl.replace('/', '.')}=1"


@dataclass(frozen=True, slots=True)
class EnsureMasquerade:
    """Have the node's masquerade rules for the network in place; shared by all pods, so never undone."""

    rules: MasqueradeRules

    def __str__(self) -> str:
        return f"nft -f - <<'END'\n{self.rules.commands()}END"


@dataclass(frozen=True, slots=True)
class CreateBridge:
    """Make the bridge, up, with a hardware address of its own; shared by all pods, so never undone."""

    name: str
    mac: str
    mtu: int

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        return f"ip link add {self.name} address {self.mac}{mtu} up type bridge"


@dataclass(frozen=True, slots=True)
class BringUpBridge:
    """Bring an existing bridge up that somebody took down."""

    name: str

    def __str__(self) -> str:
        return f"ip link set {self.name} up"


@dataclass(frozen=True, slots=True)
class AddGateway:
    """Give the bridge the pods' gateway address; shared by all pods, so never undone."""

    bridge: str
    address: Interface

    def __str__(self) -> str:
        return f"ip addr add {self.address} dev {self.bridge}"


@dataclass(frozen=True, slots=True)
class DeleteLink:
    """Delete a veth pair that an earlier, killed ADD of the same attachment left."""

    name: str

    def __str__(self) -> str:
        return f"ip link del {self.name}"


@dataclass(frozen=True, slots=True)
class CreatePair:
    """Make the veth pair, one end up in the bridge, the other in the pod. Undone by deleting it."""

    name: str
    mac: str
    bridge: str
    mtu: int
    ifname: str
    pod_mac: str
    netns: str

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        return (
            f"ip link add {self.name} address {self.mac}{mtu} master {self.bridge} up type veth "
            f"peer name {self.ifname} address {self.pod_mac}{mtu} netns {self.netns}"
        )


@dataclass(frozen=True, slots=True)
class ConfigurePort:
    """Label the node's end, and let the pod reach itself by a Service through the bridge."""

    name: str
    alias: str

    def __str__(self) -> str:
        return f"ip link set {self.name} alias '{self.alias}' && bridge link set dev {self.name} hairpin on"


@dataclass(frozen=True, slots=True)
class EnablePodIpv6:
    """Switch IPv6 on for the pod's interface; runtimes and distributions may switch it off by default."""

    ifname: str

    @property
    def sysctl(self) -> str:
        """The file below /proc/sys."""
        return f"net/ipv6/conf/{self.ifname}/disable_ipv6"

    def __str__(self) -> str:
        return f"# in the pod: echo 0 >/proc/sys/{self.sysctl}"


@dataclass(frozen=True, slots=True)
class BringUpPod:
    """Bring the pod's interface up."""

    ifname: str

    def __str__(self) -> str:
        return f"# in the pod: ip link set {self.ifname} up"


@dataclass(frozen=True, slots=True)
class AddPodAddress:
    """Give the pod's interface its address, with the subnet's prefix length."""

    ifname: str
    address: Interface

    def __str__(self) -> str:
        return f"# in the pod: ip addr add {self.address} dev {self.ifname}"


@dataclass(frozen=True, slots=True)
class AddPodRoute:
    """Route the pod's packets to the gateway."""

    ifname: str
    route: Route

    def __str__(self) -> str:
        return f"# in the pod: ip route add {self.route.dst} via {self.route.gateway} dev {self.ifname}"


@dataclass(frozen=True, slots=True)
class EnsureHostPortChains:
    """Have the chains and maps of the network's host ports in place; shared by all pods, so never undone."""

    chains: HostPortChains

    def __str__(self) -> str:
        return f"nft -f - <<'END'\n{self.chains.commands()}END"


@dataclass(frozen=True, slots=True)
class EnableLocalnet:
    """Let the node reach host ports at 127.0.0.1; a chain keeps everybody else from addresses of that kind."""

    bridge: str

    @property
    def sysctl(self) -> str:
        """The file below /proc/sys."""
        return f"net/ipv4/conf/{self.bridge}/route_localnet"

    def __str__(self) -> str:
        return f"echo 1 >/proc/sys/{self.sysctl}"


@dataclass(frozen=True, slots=True)
class PublishHostPorts:
    """Lead the node's ports to the pod; undone when its addresses are freed. Those of other pods are written too."""

    elements: HostPortElements

    def __str__(self) -> str:
        named = sorted(self.elements.elements())
        return "\n".join(f"nft add element inet {TABLE} {name} '{{ {element} }}'" for name, element in named)


Operation = (
    EnableForwarding
    | EnsureMasquerade
    | CreateBridge
    | BringUpBridge
    | AddGateway
    | DeleteLink
    | CreatePair
    | ConfigurePort
    | EnablePodIpv6
    | BringUpPod
    | AddPodAddress
    | AddPodRoute
    | EnsureHostPortChains
    | EnableLocalnet
    | PublishHostPorts
)
