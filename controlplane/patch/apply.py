# SPDX-License-Identifier: Apache-2.0
"""Server-side apply: a manager says which fields it wants to have which values, and owns those fields from then on."""

from datetime import datetime
from typing import Final

from controlplane.errors import ApiError, Cause, bad_request
from controlplane.patch.compare import Difference
from controlplane.patch.configuration import listed, require_shallow, without_nulls
from controlplane.patch.field_set import FieldSet, intersection, paths
from controlplane.patch.managed_fields import (
    all_fields,
    compare_owned,
    ownable,
    time_text,
    without,
)
from controlplane.patch.managers import (
    APPLY,
    UPDATE,
    Managed,
    Manager,
    Owners,
    cap_updates,
    read_owners,
    write_owners,
)
from controlplane.patch.path_element import path_text
from controlplane.patch.plain import Json
from controlplane.patch.structured_merge import merge, prune
from kube.schema import Schema

# Owner of what an object had when it was first applied to and nobody was known to own it.
BEFORE_FIRST_APPLY: Final = "before-first-apply"

_SUBRESOURCES: Final = ("", "status", "scale")


def apply(
    schema: Schema,
    live: Json | None,
    applied: Json,
    *,
    manager: str,
    force: bool,
    now: datetime,
    subresource: str = "",
    api_version: str,
) -> Json:
    """The object after an apply, with metadata.managedFields; shares nothing with live or applied.

    live is None when the apply creates. Fields are set as applied lists them; those that this manager listed last
    time and does not now are removed, unless another manager has them. null in applied is the same as not listed. A
    field that another manager has with another value is a conflict: ApiError 409 with a FieldManagerConflict for each,
    or with force the field becomes this manager's. Applying the same again changes nothing, times included.

    subresource is "" (status in applied is left aside), "status" (only status counts) or "scale" (the number of
    replicas as a part of the object). Raises ApiError 400 when applied does not fit the schema. The resourceVersion
    and uid of applied are in the result: the caller compares them with the live ones.
    """
    _check(applied, manager, subresource)
    config = _configuration(applied, subresource)
    fields = ownable(listed(schema, config))
    owners = _starting(schema, live, api_version) if fields else read_owners(live)
    self = Manager(manager, APPLY, subresource=subresource)
    last = owners.get(self)
    merged: Json = merge(schema, live or {}, config)
    owners[self] = Managed(fields or {}, time_text(now), api_version)
    if last is not None:
        merged = prune(schema, merged, last.fields, all_fields(owners))
    found = compare_owned(schema, live, merged)
    _settle(owners, self, found, force=force)
    _keep_time(owners, self, last, found)
    return write_owners(merged, cap_updates(owners))


def _check(applied: Json, manager: str, subresource: str) -> None:
    if not manager:
        raise bad_request("cannot apply: the parameter fieldManager is required for an apply patch")
    if subresource not in _SUBRESOURCES:
        raise bad_request(
            f"cannot apply to the subresource {subresource}: status and scale can be applied to"
        )
    metadata = applied.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise bad_request("cannot apply the configuration: .metadata: expected an object")
    if metadata and metadata.get("managedFields"):
        raise bad_request("cannot apply the configuration: metadata.managedFields must be nil")
    require_shallow(applied)


def _configuration(applied: Json, subresource: str) -> Json:
    """What counts of it: all but status, or nothing but status and what names the object."""
    config: Json = without_nulls(applied)
    if subresource != "status":
        return {key: value for key, value in config.items() if key != "status"}
    names: Json = {key: config[key] for key in ("apiVersion", "kind") if key in config}
    metadata = config.get("metadata") or {}
    identity = {
        key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata
    }
    status = {"status": config["status"]} if "status" in config else {}
    return {**names, "metadata": identity, **status}


def _starting(schema: Schema, live: Json | None, api_version: str) -> Owners:
    owners = read_owners(live)
    if live is None or owners:
        return owners
    present = compare_owned(schema, None, live).changed
    first = Manager(BEFORE_FIRST_APPLY, UPDATE, api_version)
    return {first: Managed(present, "", api_version)} if present else {}


def _settle(owners: Owners, self: Manager, found: Difference, *, force: bool) -> None:
    """Take what changed from the others, or raise the conflicts; nobody keeps what is gone."""
    others = {each: managed for each, managed in owners.items() if each != self}
    conflicts = {each: intersection(managed.fields, found.changed) for each, managed in others.items()}
    real = {each: fields for each, fields in conflicts.items() if fields is not None}
    if real and not force:
        raise _conflict(real)
    owners.update({each: without(managed, found) for each, managed in others.items()})
    for each in [each for each, managed in owners.items() if not managed.fields]:
        del owners[each]


def _keep_time(owners: Owners, self: Manager, last: Managed | None, found: Difference) -> None:
    """The time stays when neither the object nor what this manager lists has changed."""
    mine = owners.get(self)
    if (
        mine
        and last
        and found == Difference()
        and (mine.fields, mine.api_version) == (last.fields, last.api_version)
    ):
        owners[self] = last


def _conflict(conflicts: dict[Manager, FieldSet]) -> ApiError:
    found = [(each, path_text(path)) for each in sorted(conflicts) for path in paths(conflicts[each])]
    causes = tuple(
        Cause("FieldManagerConflict", f"conflict with {each.told()}", path) for each, path in found
    )
    if len(found) == 1:
        ((each, path),) = found
        return ApiError(
            409,
            "Conflict",
            f"Apply failed with 1 conflict: conflict with {each.told()}: {path}",
            causes=causes,
        )
    lines: list[str] = []
    for each in sorted(conflicts):
        lines.append(f"conflicts with {each.told()}:")
        lines.extend(f"- {path}" for manager, path in found if manager == each)
    return ApiError(
        409, "Conflict", f"Apply failed with {len(found)} conflicts: {chr(10).join(lines)}", causes=causes
    )
