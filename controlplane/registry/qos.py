# SPDX-License-Identifier: Apache-2.0
"""The quality of service class of a pod, from what its containers ask for and are limited to."""

from typing import Final

from controlplane.registry.data import Json, items, mapping
from kube.quantity import ZERO, Quantity, parse

_COUNTED: Final = ("cpu", "memory")


def qos_class(spec: Json) -> str:
    """Guaranteed, Burstable or BestEffort, as kubernetes pkg/apis/core/helper/qos decides."""
    containers = [*items(spec, "initContainers"), *items(spec, "containers")]
    budgets = [mapping(spec, "resources")] if mapping(spec, "resources") else []
    asked = [(_amounts(r, "requests"), _amounts(r, "limits")) for r in budgets or map(_resources, containers)]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(*pair) for pair in asked) else "Burstable"


def _resources(container: Json) -> Json:
    return mapping(container, "resources")


def _amounts(resources: Json, kind: str) -> dict[str, Quantity]:
    """CPU and memory; zero counts as unset."""
    found = mapping(resources, kind)
    amounts = {name: parse(found[name]) for name in _COUNTED if name in found}
    return {name: amount for name, amount in amounts.items() if amount > ZERO}


def _is_guaranteed(requests: dict[str, Quantity], limits: dict[str, Quantity]) -> bool:
    return set(limits) == set(_COUNTED) and all(
        requests.get(name, limits[name]) == limits[name] for name in _COUNTED
    )
