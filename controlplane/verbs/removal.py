# SPDX-License-Identifier: Apache-2.0
"""When an object that is being deleted really goes, and how."""

from typing import Any

from controlplane.engine import Engine
from controlplane.registry.resource import Resource
from controlplane.store.interface import Record
from controlplane.verbs.call import Call
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.reserve import release
from controlplane.verbs.stored import Stored

Json = dict[str, Any]


def is_held(resource: Resource, obj: Json) -> bool:
    """Whether somebody has to do something before the object may go."""
    return bool(obj["metadata"].get("finalizers")) or resource.strategy.is_held(obj)


def is_finished(resource: Resource, obj: Json) -> bool:
    """Whether the object is being deleted and nobody and no grace holds it any more."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds"):
        return False
    return not is_held(resource, obj)


async def remove(engine: Engine, call: Call, record: Record, last: bytes | None = None) -> Stored:
    """Delete the record; the answer is the object's last state (`last`: as the change that ended it left it).

    Raises ConflictError when somebody else wrote in between.
    """
    with store_refusals():
        gone = await engine.store.delete(record.key, expected=record.mod_revision)
    stored = Stored(call.resource, last or gone.value, gone.mod_revision)
    await release(engine, call, stored.in_storage_version())
    return stored
