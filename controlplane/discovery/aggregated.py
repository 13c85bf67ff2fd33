# SPDX-License-Identifier: Apache-2.0
"""Aggregated discovery: everything in one document (apidiscovery.k8s.io v2 and v2beta1)."""

from typing import Any, Final

from controlplane.registry.registry import Group, Registry
from controlplane.registry.resource import Resource, Subresource

Json = dict[str, Any]

GROUP: Final = "apidiscovery.k8s.io"
VERSIONS: Final = ("v2", "v2beta1")
KIND: Final = "APIGroupDiscoveryList"


def content_type(version: str) -> str:
    """By it clients see that the answer is of this kind."""
    return f"application/json;g={GROUP};v={version};as={KIND}"


def discovery(registry: Registry, version: str, *, core: bool) -> Json:
    """/api (core) or /apis (all others) as an APIGroupDiscoveryList."""
    groups = [group for group in registry.groups if (group.name == "") == core]
    return {
        "kind": KIND,
        "apiVersion": f"{GROUP}/{version}",
        "metadata": {},
        "items": [_group(registry, group) for group in groups],
    }


def _group(registry: Registry, group: Group) -> Json:
    return {
        "metadata": {"name": group.name, "creationTimestamp": None},
        "versions": [
            {
                "version": version,
                "freshness": "Current",
                "resources": [_resource(kind) for kind in registry.of_version(group.name, version)],
            }
            for version in group.versions
        ],
    }


def _resource(resource: Resource) -> Json:
    entry: Json = {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular or resource.kind.lower(),
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_subresource(resource, subresource) for subresource in resource.subresources]
    return entry


def _subresource(resource: Resource, subresource: Subresource) -> Json:
    group, version = subresource.group, subresource.version
    if not version:
        group, version = resource.group, resource.version
    return {
        "subresource": subresource.name,
        "responseKind": _kind(group, version, subresource.kind or resource.kind),
        "verbs": list(subresource.verbs),
    }


def _kind(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}
