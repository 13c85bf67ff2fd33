# SPDX-License-Identifier: Apache-2.0
"""patch: four kinds of patches, each told by its content type."""

from collections.abc import Callable
from typing import Any, Final

from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request, unsupported_media_type
from controlplane.patch.apply import apply
from controlplane.patch.json_patch import apply_json_patch
from controlplane.patch.merge_patch import apply_merge_patch
from controlplane.patch.strategic import apply_strategic_patch
from controlplane.verbs.call import Call
from controlplane.verbs.intake import check_kind, take_in
from controlplane.verbs.modify import modify
from controlplane.verbs.stored import Stored
from controlplane.verbs.update import create_named
from kube.schema import Schema, schema_of

Json = dict[str, Any]
Patcher = Callable[[Schema, Json, object], Json]

APPLY: Final = "application/apply-patch+yaml"
PATCHERS: Final[dict[str, Patcher]] = {
    "application/json-patch+json": lambda _, obj, patch: apply_json_patch(obj, patch),
    "application/merge-patch+json": lambda _, obj, patch: apply_merge_patch(obj, patch),
    "application/strategic-merge-patch+json": apply_strategic_patch,
}


def patcher_of(content_type: str) -> Patcher | None:
    """The patch of a content type, None for an apply. Raises ApiError 415."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == APPLY:
        return None
    if kind not in PATCHERS:
        known = ", ".join((*PATCHERS, APPLY))
        raise unsupported_media_type(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    return PATCHERS[kind]


async def patch(engine: Engine, call: Call, patcher: Patcher | None, body: object) -> tuple[Stored, bool]:
    """Patch the named object (patcher None: server-side apply); the answer says whether it was created.

    Raises ApiError 400, 404, 409, 422 and whatever admission refuses with.
    """
    if patcher is None:
        return await _apply(engine, call, body)
    if call.options.force is not None:
        raise bad_request("force is for server-side apply only")
    schema = schema_of(call.resource.model)
    chosen = patcher

    async def patched(stored: Stored) -> Json:
        return take_in(call, chosen(schema, stored.to_object(), body))

    return await modify(engine, call, patched), False


async def _apply(engine: Engine, call: Call, body: object) -> tuple[Stored, bool]:
    applied = check_kind(call.resource, body)

    async def merged(stored: Stored) -> Json:
        return take_in(call, _applied(engine, call, stored.to_object(), applied))

    try:
        return await modify(engine, call, merged, tracking=False), False
    except ApiError as error:
        if error.code != 404 or call.subresource is not None:
            raise
    new = take_in(call, _applied(engine, call, None, applied))
    return await create_named(engine, call, new, tracking=False), True


def _applied(engine: Engine, call: Call, live: Json | None, applied: Json) -> Json:
    return apply(
        schema_of(call.resource.model),
        live,
        applied,
        manager=call.options.field_manager,
        force=bool(call.options.force),
        now=engine.now(),
        subresource=call.subresource.name if call.subresource else "",
        api_version=call.resource.api_version,
    )
