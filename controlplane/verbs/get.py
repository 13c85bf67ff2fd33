# SPDX-License-Identifier: Apache-2.0
"""get: one object by its name."""

from controlplane.engine import Engine
from controlplane.errors import not_found
from controlplane.verbs.call import Call
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.revisions import Wanted, parse_revision
from controlplane.verbs.stored import Stored


async def get(engine: Engine, call: Call, resource_version: str = "") -> Stored:
    """The newest state; resource_version is one that has to be reached. Raises ApiError 404 and 504."""
    with store_refusals():
        if resource_version:
            await Wanted(least=parse_revision(resource_version)).check(engine.store)
        record = await engine.store.get(call.key)
    if record is None:
        raise not_found(call.resource.group, call.resource.plural, call.name)
    return Stored.of(call.resource, record)
