# SPDX-License-Identifier: Apache-2.0
"""A range of pod addresses for each node, cut out of the cluster's. spec.podCIDRs is the only record of them."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Operation, Patch
from kube.events import WARNING, Happening
from kube.kinds import NODES

Json = dict[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# kube-controller-manager's node-cidr-mask-size for each family.
PREFIX: Final[Mapping[int, int]] = {4: 24, 6: 64}
_THE_KEY: Final = ("", "")


@dataclass(frozen=True, slots=True)
class Pool:
    """A cluster range and the prefix length of what each node gets of it."""

    network: Network
    prefix: int

    @property
    def size(self) -> int:
        """How many nodes it is enough for."""
        return 1 << (self.prefix - self.network.prefixlen)

    def at(self, index: int) -> Network:
        """The range with this number."""
        network = self.network
        first = int(network.network_address) + (index << (network.max_prefixlen - self.prefix))
        kind = ipaddress.IPv4Network if network.version == 4 else ipaddress.IPv6Network
        return kind((first, self.prefix))

    def indexes(self, taken: Network) -> range:
        """The numbers that overlap with a range; empty for one of elsewhere."""
        if taken.version != self.network.version or not taken.overlaps(self.network):
            return range(0)
        shift = self.network.max_prefixlen - self.prefix
        base = int(self.network.network_address)
        first = max(0, (int(taken.network_address) - base) >> shift)
        last = min(self.size - 1, (int(taken.broadcast_address) - base) >> shift)
        return range(first, last + 1)


def pools(cluster: Iterable[str], prefixes: Mapping[int, int] = PREFIX) -> tuple[Pool, ...]:
    """The pools of the cluster's ranges, one or one of each family. Raises ValueError for what is no such range."""
    found = []
    for text in cluster:
        network = ipaddress.ip_network(text)
        prefix = max(prefixes[network.version], network.prefixlen)
        found.append(Pool(network, prefix))
    return tuple(found)


def plan(nodes: Sequence[Json], from_pools: Sequence[Pool], cursors: dict[int, int]) -> list[Operation]:
    """A range of each pool for every node without any; an Event for a node that gets none.

    cursors has, for each IP version, the number after the one given last: a range of a node that is gone is not
    given again before all others were, for its pods' addresses may linger. They are moved on in place.
    """
    taken = {pool: _taken(pool, nodes) for pool in from_pools}
    operations = list[Operation]()
    waiting = [node for node in nodes if not node.get("spec", {}).get("podCIDR")]
    for node in sorted(
        waiting, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"])
    ):
        indexes = {pool: _free(pool, taken[pool], cursors) for pool in from_pools}
        if None in indexes.values():
            text = "No pod address range is left for this node: the cluster's range is used up"
            operations.append(Happening(node, WARNING, "CIDRNotAvailable", text))
            continue
        ranges = []
        for pool, index in indexes.items():
            if index is not None:
                taken[pool].add(index)
                cursors[pool.network.version] = index + 1
                ranges.append(str(pool.at(index)))
        metadata = node["metadata"]
        guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        patch = {"metadata": guard, "spec": {"podCIDR": ranges[0], "podCIDRs": ranges}}
        operations.append(Patch(NODES, metadata["name"], "", patch))
    return operations


def _taken(pool: Pool, nodes: Iterable[Json]) -> set[int]:
    return {
        index
        for node in nodes
        for text in node.get("spec", {}).get("podCIDRs")
        or filter(None, [node.get("spec", {}).get("podCIDR")])
        for index in pool.indexes(ipaddress.ip_network(text))
    }


def _free(pool: Pool, taken: set[int], cursors: dict[int, int]) -> int | None:
    if len(taken) >= pool.size:
        return None
    start = cursors.get(pool.network.version, 0)
    # One more than are taken is enough to look at.
    return next(
        index for offset in range(len(taken) + 1) if (index := (start + offset) % pool.size) not in taken
    )


class PodRanges(Controller):
    """One key for all nodes: whoever gets a range has to know all others'."""

    name = "node-ipam-controller"
    workers = 1

    def __init__(self, shared: Shared, cluster: Sequence[str]) -> None:
        super().__init__(shared)
        self._pools, self._cursors = pools(cluster), dict[int, int]()
        self._nodes = self.follow(
            NODES,
            lambda _: [_THE_KEY],
            worth=lambda old, new: old.get("spec", {}).get("podCIDRs") != new.get("spec", {}).get("podCIDRs"),
        )

    async def reconcile(self, key: Key) -> None:  # noqa: ARG002 - there is one
        """Give ranges to the nodes that have none."""
        await self.executor.run(plan(list(self._nodes.all()), self._pools, self._cursors))
