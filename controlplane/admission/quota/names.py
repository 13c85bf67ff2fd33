# SPDX-License-Identifier: Apache-2.0
"""Which resource a name in a quota's `hard` is about.

"cpu", "requests.memory", "limits.cpu", "hugepages-2Mi", "requests.example.com/gpu", "pods": pods. "services.nodeports":
services. "requests.storage", "fast.storageclass.storage.k8s.io/requests.storage": claims. "count/deployments.apps": any
kind by its plural and group. A name that is about nothing is not counted, as in Kubernetes.
"""

from collections.abc import Iterable
from typing import Final

ResourceName = tuple[str, str]
"""Group and plural."""

PODS: Final[ResourceName] = ("", "pods")
SERVICES: Final[ResourceName] = ("", "services")
CLAIMS: Final[ResourceName] = ("", "persistentvolumeclaims")
COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
HUGE_PAGES: Final = "hugepages-"
OF_STORAGE_CLASS: Final = ".storageclass.storage.k8s.io/"
# Kinds that have a plain name besides count/..., from before that form existed.
PLAIN: Final = frozenset(
    {
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
    }
)
_OF_SERVICES: Final = ("services.loadbalancers", "services.nodeports")
_OF_CLAIMS: Final = ("requests.storage", "persistentvolumeclaims")
_COUNT: Final = "count/"


def resource_of(name: str) -> ResourceName | None:
    """The resource whose objects count under this name, or None."""
    if name.startswith(_COUNT):
        plural, _, group = name.removeprefix(_COUNT).partition(".")
        return group, plural
    if name in PLAIN:
        return "", name
    if name in _OF_SERVICES:
        return SERVICES
    if name in _OF_CLAIMS or name.partition(OF_STORAGE_CLASS)[2] in _OF_CLAIMS:
        return CLAIMS
    return PODS if _is_of_pods(name) else None


def count_names(resource: ResourceName) -> tuple[str, ...]:
    """Under which names each object of a resource counts as one."""
    group, plural = resource
    counted = f"{_COUNT}{plural}.{group}" if group else f"{_COUNT}{plural}"
    return (counted, plural) if not group and plural in PLAIN else (counted,)


def about(names: Iterable[str], resource: ResourceName) -> tuple[str, ...]:
    """Those of the names that are about this resource."""
    return tuple(name for name in names if resource_of(name) == resource)


def _is_of_pods(name: str) -> bool:
    kind, dot, what = name.partition(".")
    if name in COMPUTE or name.startswith(HUGE_PAGES):
        return True
    if not dot or kind not in ("requests", "limits"):
        return False
    return what in COMPUTE or (kind == "requests" and (what.startswith(HUGE_PAGES) or "/" in what))
