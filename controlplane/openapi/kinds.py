# SPDX-License-Identifier: Apache-2.0
"""Which kinds a definition describes: what clients look definitions up by."""

from collections.abc import Iterable, Mapping

from lightkube.models import meta_v1

from controlplane.openapi.model import Kind, Model, Route
from controlplane.openapi.names import definition_name, model_of
from controlplane.registry import Registry

Kinds = Mapping[str, tuple[Kind, ...]]


def kinds_of(registry: Registry) -> Kinds:
    """Definition name -> its kinds, for all registered kinds, their lists and the kinds that belong to no group."""
    found: dict[str, list[Kind]] = {}
    for resource in registry:
        for kind in (resource.kind, f"{resource.kind}List"):
            model = (
                resource.model if kind == resource.kind else model_of(resource.group, resource.version, kind)
            )
            if model is not None:
                _add(found, model, Kind(resource.group, resource.version, kind))
        for model in (meta_v1.DeleteOptions, meta_v1.WatchEvent):
            _add(found, model, Kind(resource.group, resource.version, model.__name__))
    _add(found, meta_v1.Status, Kind("", "v1", "Status"))
    return {name: tuple(kinds) for name, kinds in found.items()}


def with_subresources(kinds: Kinds, routes: Iterable[Route]) -> Kinds:
    """The same, with what subresources take and give: Scale, Eviction, TokenRequest."""
    found = {name: list(these) for name, these in kinds.items()}
    for route in routes:
        for operation in route.operations:
            kind, body = operation.kind, operation.body
            if kind is not None and body is not None and body.__name__ == kind.kind:
                _add(found, body, kind)
    return {name: tuple(these) for name, these in found.items()}


def models_of(routes: Iterable[Route]) -> set[Model]:
    """What requests and answers of these paths consist of."""
    told = [model for route in routes for each in route.operations for model in (each.body, each.answer)]
    return {model for model in told if model is not None}


def _add(found: dict[str, list[Kind]], model: Model, kind: Kind) -> None:
    kinds = found.setdefault(definition_name(model), [])
    if kind not in kinds:
        kinds.append(kind)
