# SPDX-License-Identifier: Apache-2.0
"""The kinds that the control plane serves: one small file each, named here in the order of discovery."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from controlplane.registry.registry import Group, Registry
from controlplane.registry.resource import Resource

__all__ = ["RESOURCES", "Group", "Registry", "default_registry"]

# Folder -> files. Folders come in the order in which clients look a short name up, a preferred version first.
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "core": (
        "bindings",
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "serviceaccounts",
        "services",
    ),
    "apps": ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"),
    "events": ("events",),
    "authentication": ("selfsubjectreviews", "tokenreviews"),
    "authorization": (
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "subjectaccessreviews",
    ),
    "autoscaling": ("horizontalpodautoscalers", "horizontalpodautoscalers_v1"),
    "batch": ("cronjobs", "jobs"),
    "certificates": ("certificatesigningrequests",),
    "networking": ("ingressclasses", "ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "rbac": ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "storage": ("csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"),
    "scheduling": ("priorityclasses",),
    "coordination": ("leases",),
    "node": ("runtimeclasses",),
    "discovery": ("endpointslices",),
    "apiextensions": ("customresourcedefinitions",),
}


def _load() -> Iterator[Resource]:
    for folder, names in _KINDS.items():
        for name in names:
            resource = import_module(f"{__name__}.{folder}.{name}").RESOURCE
            if not isinstance(resource, Resource):
                raise TypeError(f"{folder}/{name}.py must end in RESOURCE: Resource")
            yield resource


RESOURCES: Final[tuple[Resource, ...]] = tuple(_load())


def default_registry() -> Registry:
    """All built-in kinds."""
    return Registry(RESOURCES)
