# SPDX-License-Identifier: Apache-2.0
"""Allocations on disk: <state>/ipam/<network>/<address>, one file each.

A file exists exactly while its address is held. Files come by link(2) and go by unlink(2), both atomic,
under one flock per network that is held for a millisecond; so SIGKILL at any instruction leaves an address
either held by a known container or free. Nothing is synced to disk: after a power loss no pod is left that
could hold an address.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from netplugin.errors import AddressTakenError, InputOutputError, PoolFullError
from netplugin.ipam import files, record
from netplugin.ipam.search import next_free
from netplugin.model import Address, AddressRange, Allocation, Attachment, Pod

_LOCK = ".lock"
_CURSOR = ".cursor"

_Signature = tuple[int, int, int]
# Content of allocation files by path, as long as inode, time and size stay: 250 files need no 250 reads per
# ADD.
_seen: dict[str, tuple[_Signature, Allocation]] = {}


@dataclass(frozen=True, slots=True)
class Holder:
    """What is written down about the pod that gets an address."""

    netns: str
    pod: Pod
    host_veth: str
    bridge: str


def read_allocations(state_dir: Path) -> tuple[Allocation, ...]:
    """Every held address of every network under the plugin's state folder, by network and address.

    Takes no lock; an address given or freed during the call may be in or not. Empty when there is no such
    folder.
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
        """Every held address, in order of address; addresses of IPv4 come first."""
        return tuple(sorted(self._read(), key=lambda one: (one.address.version, one.address)))

    def held_by(self, attachment: Attachment) -> tuple[Allocation, ...]:
        """The addresses of one attachment."""
        return tuple(one for one in self._read() if _is_of(one, attachment))

    def allocate(
        self,
        attachment: Attachment,
        holder: Holder,
        ranges: Sequence[AddressRange],
        wanted: Sequence[Address],
        now: float,
    ) -> tuple[tuple[Allocation, ...], bool]:
        """One address of each range for the attachment, and whether any of them is new.

        Asked again for the same attachment it gives the same addresses. Either all ranges give one or none
        does.
        """
        _check_wanted(wanted, ranges)
        with self._locked():
            held = self._read(sweeping=True)
            own = [one for one in held if _is_of(one, attachment)]
            taken = {one.address for one in held}
            made: list[Allocation] = []
            try:
                picked = [self._pick(pool, own, wanted, taken) for pool in ranges]
                blank = _blank(attachment, holder, now)
                for address in set(picked) - {one.address for one in own}:
                    new = self._create(replace(blank, address=address))
                    made.append(new)
            except BaseException:
                self._unlink(made)
                raise
            self._unlink([one for one in own if one.address not in picked])
            self._write_cursor([one.address for one in made], ranges)
            kept = {one.address: one for one in [*own, *made]}
            return tuple(kept[address] for address in picked), bool(made)

    def finish(self, allocations: Sequence[Allocation], duration_ms: float) -> None:
        """Write down that the ADD is done and how many milliseconds it took."""
        with self._locked():
            for one in allocations:
                done = replace(one, duration_ms=round(duration_ms, 3))
                files.replace(self._path(one), record.encode(done))

    def release(self, attachment: Attachment) -> tuple[Allocation, ...]:
        """Free what the attachment holds, and nothing else; the allocations that were freed."""
        if not self.folder.is_dir():
            return ()
        with self._locked():
            own = self.held_by(attachment)
            self._unlink(own)
        return own

    def release_unknown(self, older_than: float) -> tuple[Allocation, ...]:
        """Free addresses whose file names no container and is older than this (epoch seconds)."""
        if not self.folder.is_dir():
            return ()
        with self._locked():
            unknown = tuple(
                one for one in self._read(sweeping=True) if not one.known and one.created <= older_than
            )
            self._unlink(unknown)
        return unknown

    def _pick(
        self,
        pool: AddressRange,
        own: Sequence[Allocation],
        wanted: Sequence[Address],
        taken: set[Address],
    ) -> Address:
        asked = [address for address in wanted if address in pool]
        kept = [one.address for one in own if one.address in pool and (not asked or one.address in asked)]
        if kept:
            return kept[0]
        if asked:
            return self._take_wanted(asked[0], pool, taken)
        found = next_free(pool, taken, self._read_cursor(pool))
        if found is None:
            inside = sum(1 for address in taken if address in pool)
            raise PoolFullError(
                f"address pool {pool.subnet} is full ({inside} of {pool.size} in use); remove pods or give "
                f"the network a larger subnet; who holds which address is in {self.folder}"
            )
        return found

    def _take_wanted(self, address: Address, pool: AddressRange, taken: set[Address]) -> Address:
        if address == pool.gateway:
            raise AddressTakenError(f"address {address} is the gateway of {pool.subnet}; ask for another one")
        if address in taken:
            raise AddressTakenError(f"address {address} is in use; {self.folder / str(address)} says by whom")
        return address

    def _create(self, allocation: Allocation) -> Allocation:
        if not files.create(self._path(allocation), record.encode(allocation)):
            raise AddressTakenError(
                f"address {allocation.address} was taken behind the lock in {self.folder}"
            )
        return allocation

    def _unlink(self, allocations: Sequence[Allocation]) -> None:
        for one in allocations:
            self._path(one).unlink(missing_ok=True)
            _seen.pop(str(self._path(one)), None)

    def _path(self, allocation: Allocation) -> Path:
        return self.folder / str(allocation.address)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with _explained(self.folder):
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True, exist_ok=True)
            with files.locked(self.folder / _LOCK):
                yield

    def _read(self, *, sweeping: bool = False) -> list[Allocation]:
        """In no order; sweeping, which needs the lock, removes what a killed writer left."""
        try:
            with os.scandir(self.folder) as entries:
                found = list(entries)
        except FileNotFoundError:
            return []
        for entry in found:
            if sweeping and entry.name.startswith(files.TEMPORARY):
                Path(entry.path).unlink(missing_ok=True)
        loaded = (self._load(entry) for entry in found if not entry.name.startswith("."))
        return [allocation for allocation in loaded if allocation]

    def _load(self, entry: os.DirEntry[str]) -> Allocation | None:
        """The allocation in a file; None for a file that is not named by an address, or is gone by now."""
        try:
            state = entry.stat()
            signature = (state.st_ino, state.st_mtime_ns, state.st_size)
            seen = _seen.get(entry.path)
            if seen is not None and seen[0] == signature:
                return seen[1]
            address = ip_address(entry.name)
            content = Path(entry.path).read_bytes()
        except (ValueError, FileNotFoundError):
            return None
        allocation = record.decode(self.network, address, content, state.st_mtime)
        _seen[entry.path] = signature, allocation
        return allocation

    def _read_cursor(self, pool: AddressRange) -> Address | None:
        try:
            return ip_address(json.loads((self.folder / _CURSOR).read_bytes())[str(pool.subnet)])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # lost or garbage: the search then begins at the range's start

    def _write_cursor(self, given: Sequence[Address], ranges: Sequence[AddressRange]) -> None:
        if given:
            last = {str(pool.subnet): self._read_cursor(pool) for pool in ranges}
            last |= {str(pool.subnet): address for address in given for pool in ranges if address in pool}
            text = json.dumps({subnet: str(address) for subnet, address in last.items() if address})
            files.replace(self.folder / _CURSOR, text.encode())


def _is_of(allocation: Allocation, attachment: Attachment) -> bool:
    return allocation.container_id == attachment.container_id and allocation.ifname == attachment.ifname


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
    )


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


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputOutputError(
            f"cannot keep allocations in {folder}: {error.strerror}: {error.filename}"
        ) from error
