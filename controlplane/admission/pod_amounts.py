# SPDX-License-Identifier: Apache-2.0
"""What a pod as a whole asks for and is limited to.

Init containers run one after the other, so the greatest of them counts, against the sum of what runs later. One with
restartPolicy Always runs on: it counts in that sum, and in every init container after it. What the pod says itself
(spec.resources) replaces the sum. The rules are those of k8s.io/component-helpers (resource/helpers.go).
"""

from typing import Final

from controlplane.admission.amounts import Amounts, highest, only, plus, read
from controlplane.registry.data import Json, items, mapping

_POD_LEVEL: Final = ("cpu", "memory")


def pod_requests(spec: Json) -> Amounts:
    """The requests of a PodSpec, without its overhead."""
    return _total(spec, "requests")


def pod_limits(spec: Json) -> Amounts:
    """The limits of a PodSpec, without its overhead."""
    return _total(spec, "limits")


def with_overhead(spec: Json, amounts: Amounts, *, limits: bool) -> Amounts:
    """Add what the pod's runtime needs for itself; where there is no limit, it makes none."""
    overhead = read(mapping(spec, "overhead"))
    return plus(amounts, only(overhead, (name for name in amounts if amounts[name])) if limits else overhead)


def container_amounts(container: Json, field: str) -> Amounts:
    """The requests or limits (field) of one container."""
    return read(mapping(container, "resources", field))


def _total(spec: Json, field: str) -> Amounts:
    total: Amounts = {}
    for container in items(spec, "containers"):
        total = plus(total, container_amounts(container, field))
    beside: Amounts = {}
    peak: Amounts = {}
    for container in items(spec, "initContainers"):
        own = container_amounts(container, field)
        if container.get("restartPolicy") == "Always":
            total, beside = plus(total, own), plus(beside, own)
            peak = highest(peak, beside)
        else:
            peak = highest(peak, plus(beside, own))
    stated = only(read(mapping(spec, "resources", field)), _POD_LEVEL)
    return highest(total, peak) | stated
