# SPDX-License-Identifier: Apache-2.0
"""From which ranges Services get what: addresses of one or two families, and node ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from controlplane.allocation.pool import Pool
from controlplane.store.interface import Store

FAMILIES: Final = {4: "IPv4", 6: "IPv6"}
NODE_PORTS: Final = (30000, 32767)
# As kube-apiserver: of a very large IPv6 range only so much is used.
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Ranges:
    """Pools by family ("IPv4"), the first one being the default, and that of node ports."""

    addresses: dict[str, Pool]
    ports: Pool

    @property
    def families(self) -> tuple[str, ...]:
        """The families that can be had, the default first."""
        return tuple(self.addresses)


def ranges_of(store: Store, cidrs: Sequence[str], node_ports: tuple[int, int] = NODE_PORTS) -> Ranges:
    """Pools over a store. Raises ValueError for a range that is none, or two of one family."""
    networks = [ip_network(cidr) for cidr in cidrs]
    pools = {FAMILIES[network.version]: _pool(store, network) for network in networks}
    if not networks or len(pools) != len(networks):
        raise ValueError(
            f"cannot allocate Service addresses from {list(cidrs)}: name one range of each family"
        )
    return Ranges(pools, Pool(store, "nodeports", *node_ports))


def number(address: str) -> int:
    """An address as the number that a pool knows."""
    return int(ip_address(address))


def text(family: str, value: int) -> str:
    """The number as an address."""
    return str(ip_address(value.to_bytes(4 if family == FAMILIES[4] else 16, "big")))


def family_of(address: str) -> str:
    """IPv4 or IPv6. Raises ValueError for what is no address."""
    return FAMILIES[ip_address(address).version]


def _pool(store: Store, network: IPv4Network | IPv6Network) -> Pool:
    """Without the network's own address and, for IPv4, the broadcast address."""
    first = int(network.network_address) + 1
    last = min(int(network.broadcast_address) - (network.version == 4), first + _LARGEST)
    if last < first:
        raise ValueError(f"cannot allocate Service addresses from {network}: it has no room")
    return Pool(store, f"clusterips-{network.version}", first, last)
