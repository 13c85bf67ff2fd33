# SPDX-License-Identifier: Apache-2.0
"""update: PUT of an object; without a resourceVersion it replaces whatever is there."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request, not_found
from controlplane.verbs.call import Call
from controlplane.verbs.create import create
from controlplane.verbs.modify import modify
from controlplane.verbs.permission import require
from controlplane.verbs.stored import Stored

Json = dict[str, Any]


async def update(engine: Engine, call: Call, obj: Json) -> tuple[Stored, bool]:
    """Replace the named object (storage version); the answer says whether it was created.

    Raises ApiError 404, 409, 422 and whatever admission refuses with.
    """

    async def replaced(_: Stored) -> Json:
        return deepcopy(obj)

    try:
        return await modify(engine, call, replaced), False
    except ApiError as error:
        if error.code != 404 or not call.resource.strategy.creates_on_update or call.subresource:
            raise
    if obj["metadata"].get("resourceVersion") or obj["metadata"].get("uid"):
        raise not_found(call.resource.group, call.resource.plural, call.name)
    return await create_named(engine, call, obj), True


async def create_named(engine: Engine, call: Call, obj: Json, *, tracking: bool = True) -> Stored:
    """Create by PUT or apply: the name is the URL's. Needs the permission to create."""
    if obj["metadata"].setdefault("name", call.name) != call.name:
        raise bad_request(
            f"the name of the object ({obj['metadata']['name']}) does not match the name on the URL ({call.name})"
        )
    await require(engine, replace(call.attributes, verb="create"))
    return await create(engine, call, obj, tracking=tracking)
