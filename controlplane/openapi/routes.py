# SPDX-License-Identifier: Apache-2.0
"""The paths of registered kinds and what can be asked there."""

from collections.abc import Iterator
from typing import Final

from lightkube.models import meta_v1

from controlplane.openapi import parameters
from controlplane.openapi.model import Kind, Model, Operation, Parameter, Route
from controlplane.openapi.names import model_of
from controlplane.registry import Registry
from controlplane.registry.resource import Resource, Subresource

_JSON: Final = ("application/json",)
_PATCHES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
# Verb -> HTTP method, of single objects and of collections.
_ITEM: Final = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_COLLECTION: Final = {"list": "get", "create": "post", "deletecollection": "delete"}
_METHODS: Final = {**_ITEM, **_COLLECTION}
_PARAMETERS: Final[dict[str, tuple[Parameter, ...]]] = {
    "list": parameters.LIST,
    "create": parameters.WRITE,
    "update": parameters.WRITE,
    "patch": parameters.PATCH,
    "delete": parameters.DELETE,
    "deletecollection": parameters.DELETE_COLLECTION,
}
_CODES: Final = {"create": (200, 201, 202), "update": (200, 201), "patch": (200, 201), "delete": (200, 202)}
_WORDS: Final = {
    "get": "Read",
    "list": "List or watch",
    "create": "Create",
    "update": "Replace",
    "patch": "Change",
    "delete": "Delete",
    "deletecollection": "Delete a selection of",
}
_CONNECT_WORD: Final = "Connect to"


def routes(registry: Registry, group: str, version: str) -> Iterator[Route]:
    """All paths of a group and version, by plural."""
    for resource in registry.of_version(group, version):
        yield from _of_resource(resource)


def _of_resource(resource: Resource) -> Iterator[Route]:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = (parameters.NAMESPACE,) if resource.namespaced else ()
    collection = (
        f"{root}/namespaces/{{namespace}}/{resource.plural}" if scope else f"{root}/{resource.plural}"
    )
    if scope and "list" in resource.verbs:
        yield Route(f"{root}/{resource.plural}", (), (_operation(resource, "list", everywhere=True),))
    if here := [verb for verb in _COLLECTION if verb in resource.verbs]:
        yield Route(collection, scope, tuple(_operation(resource, verb) for verb in here))
    item, named = f"{collection}/{{name}}", (*scope, parameters.NAME)
    if here := [verb for verb in _ITEM if verb in resource.verbs]:
        yield Route(item, named, tuple(_operation(resource, verb) for verb in here))
    for subresource in resource.subresources:
        yield from _of_subresource(resource, subresource, f"{item}/{subresource.name}", named)


def _operation(resource: Resource, verb: str, *, everywhere: bool = False) -> Operation:
    kind = Kind(resource.group, resource.version, resource.kind)
    id_ = _id(verb, resource, everywhere=everywhere)
    about = f"{_WORDS[verb]} {resource.plural}" + (" of all namespaces" if everywhere else "")
    return _made(verb, id_, about, kind, resource.model, _answer(resource, verb))


def _answer(resource: Resource, verb: str) -> Model | None:
    if verb in ("delete", "deletecollection"):
        return meta_v1.Status
    if verb == "list":
        return model_of(resource.group, resource.version, f"{resource.kind}List")
    return resource.model


def _of_subresource(
    resource: Resource, subresource: Subresource, path: str, named: tuple[Parameter, ...]
) -> Iterator[Route]:
    if subresource.name in parameters.CONNECT:
        operations = tuple(_connection(resource, subresource, verb) for verb in subresource.verbs)
        yield Route(path, named, operations)
        if subresource.name == "proxy":
            deeper = tuple(_connection(resource, subresource, verb, "WithPath") for verb in subresource.verbs)
            yield Route(f"{path}/{{path}}", (*named, parameters.PATH), deeper)
        return
    kind, model = _kind_of(resource, subresource)
    yield Route(
        path,
        named,
        tuple(_sub_operation(resource, subresource, verb, kind, model) for verb in subresource.verbs),
    )


def _kind_of(resource: Resource, subresource: Subresource) -> tuple[Kind, Model]:
    if not subresource.kind:
        return Kind(resource.group, resource.version, resource.kind), resource.model
    # A subresource that names only a kind is of the resource's own group and version.
    group, version = subresource.group, subresource.version
    if not version:
        group, version = resource.group, resource.version
    model = model_of(group, version, subresource.kind)
    if model is None:
        raise LookupError(
            f"cannot describe {resource.plural}/{subresource.name}: no model of {subresource.kind}"
        )
    return Kind(group, version, subresource.kind), model


def _sub_operation(
    resource: Resource, subresource: Subresource, verb: str, kind: Kind, model: Model
) -> Operation:
    about = f"{_WORDS[verb]} the {subresource.name} of {resource.plural}"
    return _made(verb, _id(verb, resource, subresource.name.title()), about, kind, model, model)


def _connection(resource: Resource, subresource: Subresource, verb: str, suffix: str = "") -> Operation:
    """A subresource that the node answers: the log as text, the rest in whatever is spoken there."""
    is_log = subresource.name == "log"
    kind = Kind(resource.group, resource.version, subresource.kind or resource.kind)
    word = "Read" if is_log else _CONNECT_WORD
    action = "get" if is_log else "connect"
    method = {"create": "post"}.get(verb, _METHODS[verb])
    id_ = _id(verb if is_log else f"connect{method.title()}", resource, subresource.name.title() + suffix)
    about = f"{word} the {subresource.name} of {resource.plural}"
    return Operation(method, action, id_, about, kind, parameters.CONNECT[subresource.name])


def _made(verb: str, id_: str, about: str, kind: Kind, model: Model, answer: Model | None) -> Operation:
    method = _METHODS[verb]
    body: Model | None = None
    consumes: tuple[str, ...] = ()
    if verb == "patch":
        consumes = _PATCHES
    elif verb in ("create", "update"):
        consumes, body = _JSON, model
    elif verb in ("delete", "deletecollection"):
        consumes, body = _JSON, meta_v1.DeleteOptions
    # Kubernetes' own words for actions are HTTP's, but for the two of collections.
    action = verb if verb in ("list", "deletecollection") else method
    return Operation(
        method,
        action,
        id_,
        about,
        kind,
        _PARAMETERS.get(verb, ()),
        consumes,
        body,
        answer,
        _CODES.get(verb, (200,)),
    )


def _id(verb: str, resource: Resource, suffix: str = "", *, everywhere: bool = False) -> str:
    """Such as replaceAppsV1NamespacedDeploymentStatus, which is unique in a document."""
    words = {"get": "read", "update": "replace", "deletecollection": "deleteCollection"}
    group = "".join(part.title() for part in (resource.group.partition(".")[0] or "core").split("-"))
    scope = "Namespaced" if resource.namespaced and not everywhere else ""
    tail = "ForAllNamespaces" if everywhere else ""
    return f"{words.get(verb, verb)}{group}{resource.version.title()}{scope}{resource.kind}{suffix}{tail}"
