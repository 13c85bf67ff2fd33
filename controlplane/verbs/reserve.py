# SPDX-License-Identifier: Apache-2.0
"""Around a write: what an object of some kinds has to hold that no other may have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from controlplane.engine import Engine
from controlplane.verbs.call import Call

Json = dict[str, Any]


@asynccontextmanager
async def reserving(engine: Engine, call: Call, obj: Json, old: Json | None) -> AsyncIterator[None]:
    """Hold for obj what it needs; nothing for kinds without a reserver."""
    reserver = engine.reservers.get((call.resource.group, call.resource.plural))
    if reserver is None:
        yield
        return
    async with reserver.reserving(obj, old, dry_run=call.options.dry_run):
        yield


async def release(engine: Engine, call: Call, old: Json) -> None:
    """Give back what a removed object held."""
    reserver = engine.reservers.get((call.resource.group, call.resource.plural))
    if reserver is not None:
        await reserver.released(old)
