# SPDX-License-Identifier: Apache-2.0
"""All rules of an object, asked together, so that a client learns every fault at once."""

from typing import Any

from controlplane.errors import Cause, invalid
from controlplane.registry.resource import Resource
from controlplane.registry.strategy import causes
from controlplane.verbs import metadata
from controlplane.verbs.intake import missing_fields

Json = dict[str, Any]


def check_object(resource: Resource, obj: Json) -> None:
    """A new object. Raises ApiError 422."""
    _refuse(resource, obj, (*metadata.check(obj, resource), *_missing(resource, obj)))
    strategy = resource.strategy
    _refuse(resource, obj, (*strategy.validate(obj), *strategy.validate_create(obj)))


def check_update(resource: Resource, obj: Json, old: Json) -> None:
    """A changed object. Raises ApiError 422."""
    found = (*metadata.check(obj, resource), *metadata.check_change(obj, old), *_missing(resource, obj))
    _refuse(resource, obj, found)
    strategy = resource.strategy
    _refuse(resource, obj, (*strategy.validate(obj), *strategy.validate_update(obj, old)))


def check_subresource(resource: Resource, name: str, obj: Json, old: Json) -> None:
    """An object changed through a subresource. Raises ApiError 422."""
    found = (*metadata.check(obj, resource), *metadata.check_change(obj, old))
    _refuse(resource, obj, (*found, *resource.strategy.validate_subresource(name, obj, old)))


def _missing(resource: Resource, obj: Json) -> tuple[Cause, ...]:
    return causes(missing_fields(resource, obj))


def _refuse(resource: Resource, obj: Json, found: tuple[Cause, ...]) -> None:
    if found:
        metadata_ = obj["metadata"]
        name = metadata_.get("name") or metadata_.get("generateName") or ""
        raise invalid(resource.group, resource.kind, name, found)
