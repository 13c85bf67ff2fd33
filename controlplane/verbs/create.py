# SPDX-License-Identifier: Apache-2.0
"""create: POST to a collection."""

from typing import Any

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import already_exists, bad_request
from controlplane.request import Operation
from controlplane.store.errors import ExistsError
from controlplane.verbs import metadata
from controlplane.verbs.call import Call
from controlplane.verbs.checks import check_object
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.reserve import reserving
from controlplane.verbs.stored import Stored, encode
from controlplane.verbs.tracking import track

Json = dict[str, Any]

_TRIES = 8


async def create(engine: Engine, call: Call, obj: Json, *, tracking: bool = True) -> Stored:
    """Write a new object, given in the storage version as verbs.intake leaves it; answer it as it was written.

    Raises ApiError: AlreadyExists, Invalid, and whatever admission refuses with.
    """
    if obj["metadata"].get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    metadata.check_namespace(obj, call.resource, call.namespace)
    base = "" if obj["metadata"].get("name") else obj["metadata"].get("generateName", "")
    for attempt in range(_TRIES if base else 1):
        if base:
            obj["metadata"]["name"] = metadata.generated_name(base)
        try:
            return await _create_named(engine, call, obj, tracking=tracking)
        except ExistsError as error:
            if attempt + 1 == (_TRIES if base else 1):
                name = obj["metadata"]["name"]
                raise already_exists(call.resource.group, call.resource.plural, name) from error
    raise AssertionError("not reached: the last try returns or raises")


async def _create_named(engine: Engine, call: Call, obj: Json, *, tracking: bool) -> Stored:
    strategy = call.resource.strategy
    metadata.begin(obj, engine.now())
    strategy.set_defaults(obj)
    admission = call.admission(Operation.CREATE, obj, None)
    await mutate(engine.plugins, admission)
    strategy.prepare_create(obj)
    strategy.note_creator(obj, call.attributes.user)
    strategy.set_defaults(obj)
    async with reserving(engine, call, obj, None):
        check_object(call.resource, obj)
        async with validated(engine.plugins, admission):
            if tracking:
                track(call, obj, None, engine.now())
            return await _write(engine, call, obj)


async def _write(engine: Engine, call: Call, obj: Json) -> Stored:
    key = call.resource.key(call.namespace, obj["metadata"]["name"])
    value = encode(obj)
    with store_refusals():
        if not call.options.dry_run:
            return Stored.of(call.resource, await engine.store.create(key, value))
        if await engine.store.get(key):
            raise ExistsError(f"cannot create {key}: it is there")
        return Stored(call.resource, value, 0)
