# SPDX-License-Identifier: Apache-2.0
"""Allocations on disk: <state>/ipam/<network>/<address>, one file each.

A file exists exactly while its address is held. Files come by link(2) and go by unlink(2), both atomic, under one
flock per network that is held for a millisecond; so SIGKILL at any instruction leaves an address either held by a
known container or free. Nothing is synced to disk: after a power loss no pod is left that could hold an address.
"""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from netplugin.errors import AddressTakenError, HostPortTakenError, PoolFullError
from netplugin.hostports import Publish, conflict
from netplugin.ipam.search import next_free
from netplugin.ipam.table import Table, opened, scan
from netplugin.model import Address, AddressRange, Allocation, Attachment, HostPort, Pod

_CURSOR = ".cursor"


@dataclass(frozen=True, slots=True)
class Holder:
    """What is written down about the pod that gets an address."""

    netns: str
    pod: Pod
    host_veth: str
    bridge: str
    host_ports: tuple[HostPort, ...] = ()


def read_allocations(state_dir: Path) -> tuple[Allocation, ...]:
    """Every held address of every network under the plugin's state folder, by network and address.

    Takes no lock; an address given or freed during the call may be in or not. Empty when there is no such folder.
    """
    try:
        networks = sorted(entry.name for entry in os.scandir(state_dir / "ipam") if entry.is_dir())
    except FileNotFoundError:
        return ()
    return tuple(allocation for name in networks for allocation in Store(state_dir, name).read())


class Store:
    """The allocations of one network."""

    def __init__(self, state_dir: Path, network: str) -> None:
        self.network = network
        self.folder = state_dir / "ipam" / network

    def read(self) -> tuple[Allocation, ...]:
        """Every held address without the lock, in order of address; addresses of IPv4 come first."""
        found = scan(self.network, self.folder)
        return tuple(sorted(found, key=lambda one: (one.address.version, one.address)))

    def held_by(self, attachment: Attachment) -> tuple[Allocation, ...]:
        """The addresses of one attachment."""
        if not self.folder.is_dir():
            return ()
        with opened(self.network, self.folder) as table:
            return _own(table, attachment)

    def allocate(
        self,
        attachment: Attachment,
        holder: Holder,
        ranges: Sequence[AddressRange],
        wanted: Sequence[Address],
        now: float,
    ) -> tuple[tuple[Allocation, ...], bool]:
        """One address of each range for the attachment, and whether any of them is new.

        Asked again for the same attachment it gives the same addresses. Either all ranges give one or none does.
        """
        _check_wanted(wanted, ranges)
        with opened(self.network, self.folder) as table:
            own = _own(table, attachment)
            _check_host_ports(holder, table, own)
            picked = [_pick(table, pool, own, wanted) for pool in ranges]
            for one in own:
                if one.address not in picked:
                    table.remove(one)  # of a range that the config had when the ADD was first tried
            blank = _blank(attachment, holder, now)
            new = [address for address in picked if address not in table.held]
            with ExitStack() as undo:
                for address in new:
                    table.create(replace(blank, address=address))
                    undo.callback(table.remove, table.held[address])
                undo.pop_all()
            if new:
                _write_cursor(table, new, ranges)
            return tuple(table.held[address] for address in picked), bool(new)

    def finish(self, allocations: Sequence[Allocation], duration_ms: float) -> None:
        """Write down that the ADD is done and how many milliseconds it took."""
        with opened(self.network, self.folder) as table:
            for one in allocations:
                table.replace(replace(one, duration_ms=round(duration_ms, 3)))

    def publish(self, publish: Publish) -> None:
        """Have the host ports of all allocations in place; nobody else changes or publishes them meanwhile."""
        with opened(self.network, self.folder) as table:
            publish(table.held.values())

    def release(self, attachment: Attachment, publish: Publish) -> tuple[Allocation, ...]:
        """Free what the attachment holds, and nothing else; the allocations that were freed.

        Its host ports go first: an address that is free must not be led to any more.
        """
        if not self.folder.is_dir():
            return ()
        with opened(self.network, self.folder) as table:
            own = _own(table, attachment)
            if any(one.host_ports for one in own):
                publish(one for one in table.held.values() if one not in own)
            for one in own:
                table.remove(one)
        return own

    def release_unknown(self, older_than: float) -> tuple[Allocation, ...]:
        """Free addresses whose file names no container and is older than this (epoch seconds)."""
        if not self.folder.is_dir():
            return ()
        with opened(self.network, self.folder) as table:
            unknown = tuple(one for one in table.held.values() if not one.known and one.created <= older_than)
            for one in unknown:
                table.remove(one)
        return unknown


def _own(table: Table, attachment: Attachment) -> tuple[Allocation, ...]:
    wanted = attachment.container_id, attachment.ifname
    return tuple(one for one in table.held.values() if (one.container_id, one.ifname) == wanted)


def _pick(table: Table, pool: AddressRange, own: Sequence[Allocation], wanted: Sequence[Address]) -> Address:
    """The address that the attachment holds, asked for, or gets; nothing is changed yet."""
    asked = [address for address in wanted if address in pool]
    kept = [one.address for one in own if one.address in pool and (not asked or one.address in asked)]
    if kept:
        return kept[0]
    if asked:
        return _take_wanted(table, asked[0], pool)
    found = next_free(pool, table.held.keys(), _read_cursor(table.folder, pool))
    if found is None:
        inside = sum(1 for address in table.held if address in pool)
        raise PoolFullError(
            f"address pool {pool.subnet} is full ({inside} of {pool.size} in use); remove pods or give "
            f"the network a larger subnet; who holds which address is in {table.folder}"
        )
    return found


def _take_wanted(table: Table, address: Address, pool: AddressRange) -> Address:
    if address == pool.gateway:
        raise AddressTakenError(f"address {address} is the gateway of {pool.subnet}; ask for another one")
    if address in table.held:
        raise AddressTakenError(f"address {address} is in use; {table.folder / str(address)} says by whom")
    return address


def _blank(attachment: Attachment, holder: Holder, now: float) -> Allocation:
    """An allocation without its address."""
    return Allocation(
        network=attachment.network,
        address=ip_address(0),
        container_id=attachment.container_id,
        ifname=attachment.ifname,
        netns=holder.netns,
        pod_namespace=holder.pod.namespace,
        pod_name=holder.pod.name,
        pod_uid=holder.pod.uid,
        host_veth=holder.host_veth,
        bridge=holder.bridge,
        created=now,
        host_ports=holder.host_ports,
    )


def _check_host_ports(holder: Holder, table: Table, own: Sequence[Allocation]) -> None:
    others = (one for one in table.held.values() if one not in own)
    if found := conflict(holder.host_ports, others):
        port, one = found
        whom = f"{one.pod_namespace}/{one.pod_name}" if one.pod_name else f"container {one.container_id}"
        raise HostPortTakenError(f"host port {port} leads to {whom} already; ask for another one")


def _check_wanted(wanted: Sequence[Address], ranges: Sequence[AddressRange]) -> None:
    for address in wanted:
        if not any(address in pool for pool in ranges):
            accepted = ", ".join(f"{pool.first}-{pool.last}" for pool in ranges)
            raise AddressTakenError(
                f"address {address} is in no range of this network: accepted are {accepted}"
            )
    for pool in ranges:
        asked = [str(address) for address in wanted if address in pool]
        if len(asked) > 1:
            raise AddressTakenError(f"{' and '.join(asked)} are of one range, which gives a pod one address")


def _read_cursor(folder: Path, pool: AddressRange) -> Address | None:
    """The last address that the range gave; None when that is lost, and the search begins at its start."""
    try:
        return ip_address(json.loads((folder / _CURSOR).read_bytes())[str(pool.subnet)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_cursor(table: Table, given: Sequence[Address], ranges: Sequence[AddressRange]) -> None:
    last = {str(pool.subnet): _read_cursor(table.folder, pool) for pool in ranges}
    last |= {str(pool.subnet): address for address in given for pool in ranges if address in pool}
    text = json.dumps({subnet: str(address) for subnet, address in last.items() if address})
    table.write(_CURSOR, text.encode())
