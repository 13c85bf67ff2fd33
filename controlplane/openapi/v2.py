# SPDX-License-Identifier: Apache-2.0
"""All kinds in one document of OpenAPI 2.0 (Swagger), path by path and definition by definition."""

from collections.abc import Iterator
from typing import Any

import msgspec

from controlplane.openapi import names
from controlplane.openapi.components import components
from controlplane.openapi.definitions import V2
from controlplane.openapi.model import Operation, Parameter, Route
from controlplane.openapi.routes import routes
from controlplane.openapi.text import members
from controlplane.registry import Registry

Json = dict[str, Any]


def document(registry: Registry, release: str) -> Iterator[bytes]:
    """The JSON text in pieces; release goes into its info."""
    yield b'{"swagger":"2.0","info":' + msgspec.json.encode(info(release)) + b',"paths":'
    yield from members(paths(registry))
    yield b',"definitions":'
    yield from members(definitions(registry))
    yield b"}"


def info(release: str) -> Json:
    """What the document is about."""
    return {"title": "Kubernetes", "version": release}


def paths(registry: Registry) -> Iterator[tuple[str, Json]]:
    """Each path with its operations."""
    return ((route.path, _path(route)) for route in _all_routes(registry))


def definitions(registry: Registry) -> Iterator[tuple[str, Json]]:
    """Each definition, by name."""
    return components(registry, list(_all_routes(registry)), V2)


def _all_routes(registry: Registry) -> Iterator[Route]:
    for group in registry.groups:
        for version in group.versions:
            yield from routes(registry, group.name, version)


def _path(route: Route) -> Json:
    operations = {operation.method: _operation(operation) for operation in route.operations}
    shared = [_parameter(each) for each in route.parameters]
    return {**({"parameters": shared} if shared else {}), **operations}


def _operation(operation: Operation) -> Json:
    told = [_parameter(each) for each in operation.parameters]
    if operation.consumes:
        told.insert(0, _body(operation))
    made: Json = {"description": operation.description, "operationId": operation.id}
    made["produces"] = ["application/json"] if operation.answer else ["*/*"]
    made |= {"consumes": list(operation.consumes)} if operation.consumes else {}
    made |= {"parameters": told} if told else {}
    made["responses"] = {str(code): _response(operation) for code in operation.codes}
    made["x-kubernetes-action"] = operation.action
    if operation.kind:
        made["x-kubernetes-group-version-kind"] = operation.kind.to_data()
    return made


def _body(operation: Operation) -> Json:
    name = names.definition_name(operation.body) if operation.body else names.PATCH
    made: Json = {"name": "body", "in": "body", "schema": V2.reference(name)}
    return {**made, "required": True} if operation.method != "delete" else made


def _response(operation: Operation) -> Json:
    if operation.answer is None:
        return {"description": "OK", "schema": {"type": "string"}}
    return {"description": "OK", "schema": V2.reference(names.definition_name(operation.answer))}


def _parameter(told: Parameter) -> Json:
    made: Json = {"name": told.name, "in": told.place, "description": told.description, "type": told.type}
    return {**made, "uniqueItems": True, **({"required": True} if told.place == "path" else {})}
