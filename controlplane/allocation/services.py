# SPDX-License-Identifier: Apache-2.0
"""Cluster IPs and node ports of Services: held before the Service is written, given back after it is gone."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from controlplane.allocation import wishes
from controlplane.allocation.errors import AllocationError
from controlplane.allocation.pool import Owner, Pool
from controlplane.allocation.ranges import Ranges, family_of, number, text
from controlplane.errors import ApiError, Cause, invalid
from controlplane.registry.data import items
from kube.problem import show

Json = dict[str, Any]


@dataclass(slots=True)
class _Holding:
    """What one write has taken so far; dry runs take nothing."""

    owner: Owner
    dry_run: bool
    new: list[tuple[Pool, int]] = field(default_factory=list)

    async def take(self, pool: Pool, wanted: int) -> None:
        if self.dry_run:
            return
        if await pool.take(wanted, self.owner):
            self.new.append((pool, wanted))

    async def take_any(self, pool: Pool) -> int:
        if self.dry_run:
            return await pool.find_free()
        taken = await pool.take_any(self.owner)
        self.new.append((pool, taken))
        return taken

    async def undo(self) -> None:
        for pool, taken in self.new:
            await pool.give_back(taken, self.owner)


class ServiceReserver:
    """engine.Reserver for Services."""

    def __init__(self, ranges: Ranges, clock: Callable[[], float] = time.time) -> None:
        self._ranges = ranges
        self._clock = clock

    @asynccontextmanager
    async def reserving(self, obj: Json, old: Json | None, *, dry_run: bool) -> AsyncIterator[None]:
        """Fill in addresses and ports; see engine.Reserver. Raises ApiError 422 and 500."""
        holding = _Holding(Owner.of(obj, int(self._clock())), dry_run)
        before = wishes.held(old) if old else (set(), set())
        try:
            wishes.narrow(obj["spec"], (old or {}).get("spec") or {})
            await self._addresses(obj, holding, before[0])
            await self._ports(obj, holding, before[1])
            yield
        except AllocationError as error:
            await holding.undo()
            raise ApiError(500, "InternalError", f"failed to allocate: {error}") from error
        except BaseException:
            await holding.undo()
            raise
        if not dry_run:
            await self._release_unused(holding.owner, before, wishes.held(obj))

    async def released(self, old: Json) -> None:
        """A Service is gone."""
        await self._release_unused(Owner.of(old), wishes.held(old), (set(), set()))

    async def _addresses(self, obj: Json, holding: _Holding, before: set[str]) -> None:
        spec = obj["spec"]
        if spec.get("type") == "ExternalName":
            return
        for address in wishes.wanted_addresses(spec):
            _check_address(obj, address)
        chosen = wishes.families(spec, self._ranges.families)
        if isinstance(chosen, Cause):
            raise _refusal(obj, chosen)
        wishes.complete(spec, chosen)
        if not wishes.needs_addresses(spec):
            spec["clusterIPs"] = [wishes.NONE]
            return
        wanted = {family_of(address): address for address in wishes.wanted_addresses(spec)}
        addresses = [
            await self._address(obj, holding, family, wanted.get(family, ""), before) for family in chosen
        ]
        spec["clusterIP"], spec["clusterIPs"] = addresses[0], addresses

    async def _address(self, obj: Json, holding: _Holding, family: str, wanted: str, before: set[str]) -> str:
        pool = self._ranges.addresses[family]
        if not wanted:
            return text(family, await holding.take_any(pool))
        if wanted in before:
            return wanted
        if not pool.first <= number(wanted) <= pool.last:
            told = f"{text(family, pool.first)} to {text(family, pool.last)}"
            why = f"failed to allocate IP {wanted}: the provided IP is not in the valid range: {told}"
            raise _refusal(
                obj, Cause("FieldValueInvalid", f"Invalid value: {show(wanted)}: {why}", "spec.clusterIPs")
            )
        try:
            await holding.take(pool, number(wanted))
        except AllocationError as error:
            why = f"Invalid value: {show(wanted)}: failed to allocate IP {wanted}: {error}"
            raise _refusal(obj, Cause("FieldValueInvalid", why, "spec.clusterIPs")) from error
        return str(ip_address(wanted))

    async def _ports(self, obj: Json, holding: _Holding, before: set[int]) -> None:
        spec = obj["spec"]
        mine = set(before)
        ports = wishes.ports_to_fill(spec)
        for index, port in enumerate(items(spec, "ports")):
            if port in ports and port.get("nodePort"):
                await self._port(obj, holding, port["nodePort"], f"spec.ports[{index}].nodePort", mine)
        for port in ports:
            if not port.get("nodePort"):
                port["nodePort"] = await self._shared_or_new(ports, port, holding)
                mine.add(port["nodePort"])
        if wishes.needs_health_port(spec):
            if spec.get("healthCheckNodePort"):
                await self._port(obj, holding, spec["healthCheckNodePort"], "spec.healthCheckNodePort", mine)
            else:
                spec["healthCheckNodePort"] = await holding.take_any(self._ranges.ports)

    async def _shared_or_new(self, ports: list[Json], port: Json, holding: _Holding) -> int:
        """TCP and UDP of one port number share a node port, as DNS has it."""
        for other in ports:
            same_number = other.get("port") == port.get("port") and other.get("protocol") != port.get(
                "protocol"
            )
            if same_number and other.get("nodePort"):
                return int(other["nodePort"])
        return await holding.take_any(self._ranges.ports)

    async def _port(self, obj: Json, holding: _Holding, wanted: int, path: str, mine: set[int]) -> None:
        pool = self._ranges.ports
        if wanted in mine:
            return
        if not pool.first <= wanted <= pool.last:
            why = f"Invalid value: {wanted}: provided port is not in the valid range. "
            told = f"The range of valid ports is {pool.first}-{pool.last}"
            raise _refusal(obj, Cause("FieldValueInvalid", why + told, path))
        try:
            await holding.take(pool, wanted)
        except AllocationError as error:
            why = f"Invalid value: {wanted}: provided port is already allocated"
            raise _refusal(obj, Cause("FieldValueInvalid", why, path)) from error
        mine.add(wanted)

    async def _release_unused(
        self, owner: Owner, before: tuple[set[str], set[int]], after: tuple[set[str], set[int]]
    ) -> None:
        for address in before[0] - after[0]:
            pool = self._ranges.addresses.get(family_of(address))
            if pool is not None:
                await pool.give_back(number(address), owner)
        for port in before[1] - after[1]:
            await self._ranges.ports.give_back(port, owner)


def _check_address(obj: Json, address: str) -> None:
    try:
        ip_address(address)
    except ValueError as error:
        cause = Cause(
            "FieldValueInvalid",
            f"Invalid value: {show(address)}: must be a valid IP address",
            "spec.clusterIPs",
        )
        raise _refusal(obj, cause) from error


def _refusal(obj: Json, cause: Cause) -> ApiError:
    return invalid("", "Service", obj["metadata"]["name"], (cause,))
