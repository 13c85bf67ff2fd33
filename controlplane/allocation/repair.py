# SPDX-License-Identifier: Apache-2.0
"""What a crash left between an allocation and its Service: found at start, and put right.

An allocation whose Service is not there is given back when it is old enough that no write can still be on its way. A
Service whose address or port is not held (restored from elsewhere) gets it held.
"""

import logging
from typing import Any, Final

import msgspec

from controlplane.allocation import wishes
from controlplane.allocation.errors import AllocationError
from controlplane.allocation.pool import Owner, Pool, owner_of
from controlplane.allocation.ranges import Ranges, family_of, number
from controlplane.store.interface import Store

Json = dict[str, Any]

_LOG: Final = logging.getLogger(__name__)
GRACE_SECONDS: Final = 60
SERVICES: Final = "/core/services/"


async def repair(store: Store, ranges: Ranges, now: float) -> None:
    """Make allocations and Services agree; now: seconds since the epoch."""
    held = [(pool, record) for pool in _pools(ranges) for record in await pool.held()]
    services = [msgspec.json.decode(record.value) for record in (await store.list(SERVICES)).records]
    known = {service["metadata"].get("uid") for service in services}
    for pool, record in held:
        owner = owner_of(record)
        if owner.uid not in known and owner.since + GRACE_SECONDS < now:
            _LOG.info(
                "giving back %s: its Service %s/%s is not there", record.key, owner.namespace, owner.name
            )
            await pool.drop(record)
    for service in services:
        await _hold(ranges, service, int(now))


async def _hold(ranges: Ranges, service: Json, now: int) -> None:
    owner = Owner.of(service, now)
    addresses, ports = wishes.held(service)
    wanted = [(ranges.addresses.get(family_of(address)), number(address)) for address in addresses]
    wanted += [(ranges.ports, port) for port in ports]
    for pool, value in wanted:
        if pool is None:
            _LOG.warning(
                "Service %s/%s has an address of a family that is not configured", owner.namespace, owner.name
            )
            continue
        try:
            await pool.take(value, owner)
        except AllocationError as error:
            _LOG.error("Service %s/%s shares what it has: %s", owner.namespace, owner.name, error)


def _pools(ranges: Ranges) -> tuple[Pool, ...]:
    return (*ranges.addresses.values(), ranges.ports)
