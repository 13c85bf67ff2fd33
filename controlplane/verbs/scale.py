# SPDX-License-Identifier: Apache-2.0
"""The subresource scale: an autoscaling/v1 Scale instead of the object."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from lightkube.models import autoscaling_v1

from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request, conflict, invalid
from controlplane.patch.apply import apply
from controlplane.registry.columns import AGE, NAME, number
from controlplane.registry.data import look
from controlplane.registry.resource import Resource, ScalePaths
from controlplane.registry.scale import apply_scale, check_scale, to_scale
from controlplane.verbs.call import Call
from controlplane.verbs.errors import CHANGED
from controlplane.verbs.get import get
from controlplane.verbs.intake import take_in
from controlplane.verbs.modify import modify
from controlplane.verbs.patch import Patcher
from controlplane.verbs.stored import Stored, encode
from controlplane.verbs.subresources import Special
from kube.schema import schema_of

Json = dict[str, Any]

_SCALE = Resource(
    "autoscaling",
    "v1",
    "Scale",
    "scales",
    autoscaling_v1.Scale,
    columns=(
        NAME,
        number("Desired", "spec", "replicas"),
        number("Available", "status", "replicas"),
        AGE,
    ),
)


async def get_scale(engine: Engine, call: Call) -> Stored:
    """GET. Raises ApiError 404."""
    return _scale_of(await get(engine, call), _paths(call))


async def update_scale(engine: Engine, call: Call, body: Any) -> Stored:
    """PUT. Raises ApiError 404, 409 and 422."""
    scale = take_in(_as_scale(call), body)
    return await _change(engine, call, lambda _: deepcopy(scale))


async def patch_scale(engine: Engine, call: Call, patcher: Patcher | None, body: Any) -> Stored:
    """PATCH. Raises ApiError 400, 404, 409 and 422."""
    if patcher is None:
        return await _apply(engine, call, body)
    chosen = patcher
    schema = schema_of(autoscaling_v1.Scale)
    return await _change(engine, call, lambda scale: take_in(_as_scale(call), chosen(schema, scale, body)))


async def _apply(engine: Engine, call: Call, body: Any) -> Stored:
    """Server-side apply: the object's number of replicas is the one field that a Scale can own."""
    paths = _paths(call)
    scale = take_in(_as_scale(call), body)
    if look(scale, "spec", "replicas") is None:
        raise bad_request("cannot apply a Scale without spec.replicas: that is all there is to own")
    config: Json = {"apiVersion": call.resource.api_version, "kind": call.resource.kind}
    apply_scale(config, scale, paths)
    whole = replace(call, subresource=None)

    async def applied(stored: Stored) -> Json:
        live = stored.to_object()
        _check(call, scale, live)
        merged = apply(
            schema_of(call.resource.model),
            live,
            config,
            manager=call.options.field_manager,
            force=bool(call.options.force),
            now=engine.now(),
            subresource="scale",
            api_version=call.resource.api_version,
        )
        return take_in(whole, merged)

    stored = await modify(engine, whole, applied, tracking=False)
    return _scale_of(stored, paths)


async def _change(engine: Engine, call: Call, change: Callable[[Json], Json]) -> Stored:
    paths = _paths(call)

    async def scaled(stored: Stored) -> Json:
        obj = stored.in_storage_version()
        scale = change(to_scale(obj, paths))
        _check(call, scale, obj)
        apply_scale(obj, scale, paths)
        return obj

    # The object's own rules for an update hold: what changes is its spec.
    stored = await modify(engine, replace(call, subresource=None), scaled)
    return _scale_of(stored, paths)


def _scale_of(stored: Stored, paths: ScalePaths) -> Stored:
    return Stored(_SCALE, encode(to_scale(stored.in_storage_version(), paths)), stored.revision)


def _check(call: Call, scale: Json, obj: Json) -> None:
    causes = check_scale(scale)
    if causes:
        raise invalid("autoscaling", "Scale", call.name, causes)
    metadata = scale["metadata"]
    if metadata.get("name", call.name) != call.name:
        raise bad_request(f"the name of the Scale has to be {call.name}, as in the URL")
    if (
        metadata.get("resourceVersion", obj["metadata"]["resourceVersion"])
        != obj["metadata"]["resourceVersion"]
    ):
        raise conflict(call.resource.group, call.resource.plural, call.name, CHANGED)


def _as_scale(call: Call) -> Call:
    return replace(call, resource=_SCALE)


def _paths(call: Call) -> ScalePaths:
    if call.resource.scale is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return call.resource.scale


SCALE = Special(get=get_scale, update=update_scale, patch=patch_scale)
