# SPDX-License-Identifier: Apache-2.0
"""From a request to what it asks: verb, resource, name, in the words of RBAC."""

from aiohttp import web

from controlplane.errors import ApiError, method_not_supported
from controlplane.http.options import flag
from controlplane.http.path import ResourcePath
from controlplane.registry.registry import Registry
from controlplane.registry.resource import Resource, Subresource
from controlplane.request import Attributes, User

_ITEM = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_COLLECTION = {"POST": "create", "DELETE": "deletecollection"}
_READING = ("list", "watch", "deletecollection")


def verb_of(method: str, path: ResourcePath, *, watching: bool) -> str:
    """The verb that a method means here; "" when it means nothing."""
    if path.name:
        # A POST below an object creates a binding, an eviction, a token; below a connection it is one.
        return "create" if method == "POST" else _ITEM.get(method, "")
    if method in ("GET", "HEAD"):
        return "watch" if watching and method == "GET" else "list"
    return _COLLECTION.get(method, "")


def attributes_of(request: web.BaseRequest, path: ResourcePath, user: User) -> Attributes:
    """The question to the authorizer. Like Kubernetes it counts a namespace as being inside itself."""
    verb = verb_of(request.method, path, watching=flag(request.query, "watch"))
    return Attributes(
        user,
        verb or request.method.lower(),
        request.raw_path.partition("?")[0],
        path.group,
        path.version,
        path.plural,
        path.subresource,
        path.name if path.plural == "namespaces" and not path.group else path.namespace,
        path.name,
        request.query.get("fieldSelector", "") if verb in _READING else "",
    )


def find_resource(registry: Registry, path: ResourcePath, method: str) -> tuple[Resource, Subresource | None]:
    """The kind and subresource that a path means. Raises ApiError 404, and 405 where a namespace is missing."""
    resource = registry.find(path.group, path.version, path.plural)
    if resource is None or (path.namespace and not resource.namespaced):
        raise no_such_resource()
    if resource.namespaced and not path.namespace and (path.name or method == "POST"):
        raise no_such_resource() if path.name else method_not_supported(path.group, path.plural, "create")
    if not path.subresource:
        return resource, None
    found = next((sub for sub in resource.subresources if sub.name == path.subresource), None)
    if found is None:
        raise no_such_resource()
    return resource, found


def check_verb(resource: Resource, subresource: Subresource | None, path: ResourcePath, verb: str) -> None:
    """Raises ApiError 405 for a verb that does not exist there."""
    allowed = subresource.verbs if subresource else resource.verbs
    if verb not in allowed or (verb == "create" and path.name and subresource is None):
        raise method_not_supported(path.group, path.plural, verb or "this method")


def no_such_resource() -> ApiError:
    """404 in the words that clients know."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")
