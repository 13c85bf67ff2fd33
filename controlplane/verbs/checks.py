# SPDX-License-Identifier: Apache-2.0
"""All rules of an object, asked together, so that a client learns every fault at once."""

from typing import Any

from controlplane.errors import Cause, invalid
from controlplane.registry.resource import Resource
from controlplane.verbs import metadata

Json = dict[str, Any]


def check_object(resource: Resource, obj: Json) -> None:
    """A new object. Raises ApiError 422."""
    _refuse(resource, obj, (*metadata.check(obj, resource), *resource.strategy.validate(obj)))


def check_update(resource: Resource, obj: Json, old: Json) -> None:
    """A changed object. Raises ApiError 422."""
    found = (*metadata.check(obj, resource), *metadata.check_change(obj, old))
    strategy = resource.strategy
    _refuse(resource, obj, (*found, *strategy.validate(obj), *strategy.validate_update(obj, old)))


def check_subresource(resource: Resource, name: str, obj: Json, old: Json) -> None:
    """An object changed through a subresource. Raises ApiError 422."""
    found = (*metadata.check(obj, resource), *metadata.check_change(obj, old))
    _refuse(resource, obj, (*found, *resource.strategy.validate_subresource(name, obj, old)))


def _refuse(resource: Resource, obj: Json, found: tuple[Cause, ...]) -> None:
    if found:
        of = obj["metadata"]
        raise invalid(resource.group, resource.kind, of.get("name") or of.get("generateName") or "", found)
