# SPDX-License-Identifier: Apache-2.0
"""The discovery documents of the first kind: APIVersions, APIGroupList, APIGroup, APIResourceList."""

from typing import Any

from controlplane.registry.registry import Group, Registry
from controlplane.registry.resource import Resource, Subresource

Json = dict[str, Any]


def api_versions(registry: Registry, address: str) -> Json:
    """/api: the versions of the core group."""
    core = registry.group("")
    return {
        "kind": "APIVersions",
        "versions": list(core.versions) if core else [],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def api_groups(registry: Registry) -> Json:
    """/apis: all groups but core."""
    groups = [_group(group) for group in registry.groups if group.name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(registry: Registry, name: str) -> Json | None:
    """/apis/GROUP."""
    group = registry.group(name) if name else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)} if group else None


def api_resources(registry: Registry, group: str, version: str) -> Json | None:
    """/api/VERSION and /apis/GROUP/VERSION."""
    kinds = registry.of_version(group, version)
    if not kinds:
        return None
    resources = [entry for kind in kinds for entry in _resources(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _group(group: Group) -> Json:
    versions = [{"groupVersion": f"{group.name}/{version}", "version": version} for version in group.versions]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}


def _resources(resource: Resource) -> list[Json]:
    entry: Json = {
        "name": resource.plural,
        "singularName": resource.singular or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return [entry, *(_subresource(resource, subresource) for subresource in resource.subresources)]


def _subresource(resource: Resource, subresource: Subresource) -> Json:
    entry: Json = {
        "name": f"{resource.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": subresource.kind or resource.kind,
        "verbs": list(subresource.verbs),
    }
    if subresource.version:
        entry |= {"group": subresource.group, "version": subresource.version}
    return entry
