# SPDX-License-Identifier: Apache-2.0
"""Masquerading of what leaves the cluster: one table of the node, one chain per network, nothing per pod.

An ADD therefore costs the same whatever number of pods and Services the node has. Somebody may flush the
rules of the whole node (`nft flush ruleset`): the chain is looked at from time to time and written again
when it is not as it should be, which one transaction does.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from netplugin.model import Network, NetworkConfig

TABLE = "orlop-netplugin"

# What never leaves by a router, and so must keep its source: multicast, and link-local for IPv6.
_NEVER = (IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8"), IPv6Network("fe80::/10"))


@dataclass(frozen=True, slots=True)
class MasqueradeRules:
    """Packets from `pods` to anything but `pods` and `exempt` get the node's source address."""

    network: str
    pods: tuple[Network, ...]
    exempt: tuple[Network, ...]

    @property
    def chain(self) -> str:
        """The chain's name, e.g. "masquerade-orlop"."""
        return f"masquerade-{self.network}"

    def commands(self) -> str:
        """One nftables transaction that makes the chain, or puts the right rules in place of others."""
        lines = [
            f"add table inet {TABLE}",
            f"add chain inet {TABLE} {self.chain} {{ type nat hook postrouting priority srcnat; }}",
            f"flush chain inet {TABLE} {self.chain}",
            *(f"add rule inet {TABLE} {self.chain} {rule} {_comment(rule)}" for rule in self._rules()),
        ]
        return "".join(f"{line}\n" for line in lines)

    def are_in(self, listing: str) -> bool:
        """Whether `nft list chain` shows these rules and no other.

        nft prints a rule otherwise than it was written, differently in each release; so each rule carries a
        hash of its text in its comment.
        """
        rules = [line for line in listing.splitlines() if "masquerade" in line and "comment" in line]
        wanted = list(self._rules())
        return (
            "type nat hook postrouting" in listing
            and len(rules) == len(wanted)
            and all(_comment(rule) in listing for rule in wanted)
        )

    def _rules(self) -> Iterator[str]:
        for version, family in ((4, "ip"), (6, "ip6")):
            pods = _of_version(self.pods, version)
            if pods:
                outside = _of_version((*self.pods, *self.exempt, *_NEVER), version)
                source, target = _set(pods), _set(outside)
                # fully-random: two flows that get the same port at the same time would lose a packet
                yield f"{family} saddr {source} {family} daddr != {target} masquerade fully-random"


def rules_of(config: NetworkConfig) -> MasqueradeRules:
    """The rules that a network's config asks for."""
    return MasqueradeRules(config.name, tuple(pool.subnet for pool in config.ranges), config.non_masquerade)


def remove() -> None:
    """Take the whole table away; nothing happens when there is none."""
    from netplugin import nft

    nft.run(f"add table inet {TABLE}\ndelete table inet {TABLE}\n")


def _comment(rule: str) -> str:
    return f'comment "orlop {hashlib.sha256(rule.encode()).hexdigest()[:12]}"'


def _of_version(networks: Sequence[Network], version: int) -> tuple[Network, ...]:
    """Without overlaps, which nft refuses in a set of intervals."""
    if version == 4:
        return tuple(collapse_addresses(one for one in networks if isinstance(one, IPv4Network)))
    return tuple(collapse_addresses(one for one in networks if isinstance(one, IPv6Network)))


def _set(networks: Sequence[Network]) -> str:
    return "{ " + ", ".join(map(str, networks)) + " }"
