# SPDX-License-Identifier: Apache-2.0
"""Kinds that are asked and not stored: access reviews, token reviews, and Binding as a collection."""

from dataclasses import replace
from typing import Any

from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request
from controlplane.verbs.binding import bind
from controlplane.verbs.call import Call
from controlplane.verbs.intake import take_in

Json = dict[str, Any]


def is_review(call: Call) -> bool:
    """Whether the kind can only be created: its answer is all there is of it."""
    return call.resource.verbs == ("create",) and call.subresource is None


async def review(engine: Engine, call: Call, body: Any) -> Json:
    """Answer the question. Raises ApiError 400, 422, and 503 when nobody here can answer it."""
    obj = take_in(call, body)
    if call.resource.kind == "Binding":
        return await _bind(engine, call, obj)
    answer = engine.reviews.get(call.resource.kind)
    if answer is None:
        raise ApiError(
            503, "ServiceUnavailable", f"cannot answer a {call.resource.kind}: nobody here knows how to"
        )
    return await answer(obj, call.attributes.user, call.namespace)


async def _bind(engine: Engine, call: Call, obj: Json) -> Json:
    """The older way of POST pods/NAME/binding."""
    pods = engine.registry.preferred("", "pods")
    name = obj["metadata"].get("name")
    if pods is None or not name:
        raise bad_request("a Binding needs the name of a pod in metadata.name")
    return await bind(engine, replace(call, resource=pods, name=name), obj)
