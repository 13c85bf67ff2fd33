# SPDX-License-Identifier: Apache-2.0
"""meta.k8s.io Tables: what kubectl get prints."""

from typing import Any, Final

from controlplane.registry.columns import AGE, NAME
from controlplane.registry.resource import Column, Resource
from controlplane.verbs.stored import Stored

Json = dict[str, Any]

_FALLBACK: Final = (NAME, AGE)
INCLUDE: Final = ("None", "Metadata", "Object")


def definitions(resource: Resource) -> list[Json]:
    """TableColumnDefinitions."""
    return [_definition(column) for column in _columns(resource)]


def row(stored: Stored, version: str, include: str) -> Json:
    """TableRow; include is the includeObject option."""
    obj = stored.in_storage_version()
    cells = [column.value(obj) for column in _columns(stored.resource)]
    made: Json = {"cells": cells}
    if include == "Object":
        made["object"] = stored.to_object()
    elif include != "None":
        made["object"] = partial(obj, version)
    return made


def table(version: str, metadata: Json, columns: list[Json] | None, rows: list[Json]) -> Json:
    """A Table; later tables of one watch have no columns."""
    head = {"kind": "Table", "apiVersion": f"meta.k8s.io/{version}", "metadata": metadata}
    return {**head, "columnDefinitions": columns, "rows": rows}


def partial(obj: Json, version: str) -> Json:
    """PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": obj["metadata"],
    }


def _columns(resource: Resource) -> tuple[Column, ...]:
    return resource.columns or _FALLBACK


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or f"{column.name} of the object",
        "priority": column.priority,
    }
