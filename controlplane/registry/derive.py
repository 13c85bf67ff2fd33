# SPDX-License-Identifier: Apache-2.0
"""A Resource from lightkube's class of it: group, version, kind, plural, scope, verbs, subresources and model."""

from typing import Any, Final

import msgspec
from lightkube.core.resource import NamespacedResource

from controlplane.registry.columns import AGE, NAME
from controlplane.registry.resource import ALL_VERBS, Column, Resource, ScalePaths, Strategy, Subresource

# HTTP's methods in the words of RBAC and discovery.
_VERBS: Final = {"post": "create", "put": "update"}


def derive(
    source: type,
    *,
    strategy: Strategy | None = None,
    columns: tuple[Column, ...] = (NAME, AGE),
    short_names: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    subresources: tuple[Subresource, ...] = (),
    **more: Any,
) -> Resource:
    """The Resource of a class of lightkube.resources; subresources are those that lightkube does not have.

    `more` are further fields of Resource, for what differs from lightkube's view.
    """
    info = _info(source)
    known = (*_subresources(source), *subresources)
    return Resource(
        group=info.resource.group,
        version=info.resource.version,
        kind=info.resource.kind,
        plural=info.plural,
        model=_model(source),
        namespaced=issubclass(source, NamespacedResource),
        singular=info.resource.kind.lower(),
        short_names=short_names,
        categories=categories,
        verbs=tuple(verb for verb in ALL_VERBS if verb in _verbs(info)),
        subresources=tuple(sorted(known, key=lambda subresource: subresource.name)),
        columns=columns,
        strategy=strategy or Strategy(),
        scale=ScalePaths() if any(subresource.name == "scale" for subresource in known) else None,
        **more,
    )


def _info(source: type) -> Any:
    return source._api_info  # type: ignore[attr-defined]  # noqa: SLF001 - what lightkube.core.resource.api_info does


def _verbs(info: Any) -> list[str]:
    return [_VERBS.get(verb, verb) for verb in info.verbs]


def _model(source: type) -> type[msgspec.Struct]:
    """The plain model below a resource class."""
    for base in source.__mro__:
        if base.__module__.startswith("lightkube.models.") and issubclass(base, msgspec.Struct):
            return base
    raise TypeError(f"cannot register {source.__name__}: it has no model in lightkube.models")


def _subresources(source: type) -> list[Subresource]:
    """What hangs on the class: Pod.Status, Deployment.Scale."""
    members = [value for value in vars(source).values() if getattr(value, "_api_info", None)]
    return [_subresource(_info(value)) for value in members if _info(value).action]


def _subresource(info: Any) -> Subresource:
    verbs = tuple(sorted(_verbs(info)))
    if info.resource == info.parent:
        return Subresource(info.action, verbs)
    return Subresource(info.action, verbs, info.resource.kind, info.resource.group, info.resource.version)
