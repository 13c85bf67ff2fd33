# SPDX-License-Identifier: Apache-2.0
"""A quota's status from scratch: what its controller writes whenever something in the namespace has changed.

Admission only ever adds. Deleting, finishing and shrinking give back by a recount, and it corrects whatever a crash
between a reservation and its write left behind. Read the quota before the objects and write with its
resourceVersion: a reservation made meanwhile then makes a conflict instead of getting lost.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from controlplane.admission.amounts import Amounts, only, plus, write
from controlplane.admission.quota.names import ResourceName, resource_of
from controlplane.admission.quota.scopes import is_in_scope
from controlplane.admission.quota.usage import usage
from controlplane.registry.data import Json, mapping
from kube.quantity import ZERO


def tracked(quota: Json) -> frozenset[ResourceName]:
    """The resources (group, plural) whose objects in the namespace the recount needs."""
    resources = (resource_of(name) for name in mapping(quota, "spec", "hard"))
    return frozenset(resource for resource in resources if resource is not None)


def recount(quota: Json, objects: Mapping[ResourceName, Iterable[Json]], now: datetime) -> Json:
    """The new status: {"hard": spec.hard, "used": ...}. objects are all of the namespace, by tracked resource."""
    hard = mapping(quota, "spec", "hard")
    counted = {name for name in hard if resource_of(name) in objects}
    total: Amounts = dict.fromkeys(sorted(counted), ZERO)
    for resource, found in objects.items():
        for obj in found:
            if is_in_scope(quota, resource, obj):
                total = plus(total, only(usage(resource, obj, now), counted))
    return {"hard": dict(hard), "used": write(total)}
