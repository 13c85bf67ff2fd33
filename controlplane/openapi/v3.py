# SPDX-License-Identifier: Apache-2.0
"""The document of one group and version in OpenAPI 3.0, written piece by piece: no tree of the whole is ever made."""

from collections.abc import Iterator
from typing import Any

import msgspec

from controlplane.openapi import names
from controlplane.openapi.components import components
from controlplane.openapi.definitions import V3
from controlplane.openapi.model import Operation, Parameter, Route
from controlplane.openapi.routes import routes
from controlplane.openapi.text import members
from controlplane.registry import Registry

Json = dict[str, Any]


def document(registry: Registry, group: str, version: str, release: str) -> Iterator[bytes]:
    """The JSON text of the document in pieces; release goes into its info."""
    paths = list(routes(registry, group, version))
    info = msgspec.json.encode({"title": "Kubernetes", "version": release})
    yield b'{"openapi":"3.0.0","info":' + info + b',"paths":'
    yield from members((route.path, _path(route)) for route in paths)
    yield b',"components":{"schemas":'
    yield from members(components(registry, paths, V3))
    yield b"}}"


def _path(route: Route) -> Json:
    operations = {operation.method: _operation(operation) for operation in route.operations}
    return {**({"parameters": _parameters(route.parameters)} if route.parameters else {}), **operations}


def _operation(operation: Operation) -> Json:
    made: Json = {"description": operation.description, "operationId": operation.id}
    if operation.parameters:
        made["parameters"] = _parameters(operation.parameters)
    if operation.consumes:
        body = names.definition_name(operation.body) if operation.body else names.PATCH
        content = {media: {"schema": V3.reference(body)} for media in operation.consumes}
        made["requestBody"] = {"content": content, "required": operation.method in ("post", "put", "patch")}
    made["responses"] = {str(code): _response(operation) for code in operation.codes}
    made["x-kubernetes-action"] = operation.action
    if operation.kind:
        made["x-kubernetes-group-version-kind"] = operation.kind.to_data()
    return made


def _response(operation: Operation) -> Json:
    if operation.answer is None:
        return {"description": "OK", "content": {"*/*": {"schema": {"type": "string"}}}}
    schema = V3.reference(names.definition_name(operation.answer))
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}


def _parameters(told: tuple[Parameter, ...]) -> list[Json]:
    return [_parameter(each) for each in told]


def _parameter(told: Parameter) -> Json:
    made: Json = {"name": told.name, "in": told.place, "description": told.description}
    if told.place == "path":
        made["required"] = True
    return {**made, "schema": {"type": told.type, "uniqueItems": True}}
