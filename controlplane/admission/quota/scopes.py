# SPDX-License-Identifier: Apache-2.0
"""Which objects a quota with scopes is about. A quota with scopes is about pods (and claims) only."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from controlplane.admission.quota.names import CLAIMS, PODS, ResourceName
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.qos import qos_class
from kube.errors import SelectorError
from kube.selector import Operator, Requirement, from_expression

_AFFINITIES: Final = ("podAffinity", "podAntiAffinity")


def is_in_scope(quota: Json, resource: ResourceName, obj: Json) -> bool:
    """Whether the object has all that spec.scopes and spec.scopeSelector of the quota ask for."""
    return all(_meets(scope, resource, obj) for scope in _requirements(quota))


def _requirements(quota: Json) -> Iterable[Json]:
    for scope in items(quota, "spec", "scopes"):
        yield {"scopeName": scope, "operator": "Exists"}
    yield from items(quota, "spec", "scopeSelector", "matchExpressions")


def _meets(scope: Json, resource: ResourceName, obj: Json) -> bool:
    name = scope.get("scopeName", "")
    if (resource, name) == (PODS, "PriorityClass"):
        return _has_class(scope, look(obj, "spec", "priorityClassName", default=""))
    if (resource, name) == (CLAIMS, "VolumeAttributesClass"):
        return any(_has_class(scope, one) for one in _attributes_classes(obj) or [""])
    test = _POD_SCOPES.get(name)
    return resource == PODS and test is not None and test(mapping(obj, "spec"))


def _has_class(scope: Json, class_name: str) -> bool:
    """A scope that cannot be read matches nothing: then it takes nothing away from anybody."""
    name = scope["scopeName"]
    try:
        requirement: Requirement = from_expression({**scope, "key": name})
    except SelectorError:
        return False
    if requirement.operator in (Operator.GREATER, Operator.LESS):
        return False
    return requirement.matches({name: class_name} if class_name else {})


def _attributes_classes(claim: Json) -> list[str]:
    """The wanted class, the one it has, and the one it changes to."""
    paths = (
        ("spec", "volumeAttributesClassName"),
        ("status", "currentVolumeAttributesClassName"),
        ("status", "modifyVolumeStatus", "targetVolumeAttributesClassName"),
    )
    return [name for path in paths if (name := look(claim, *path))]


def _is_terminating(spec: Json) -> bool:
    return bool(look(spec, "activeDeadlineSeconds", default=-1) >= 0)


def _is_best_effort(spec: Json) -> bool:
    return qos_class(spec) == "BestEffort"


def _crosses_namespaces(spec: Json) -> bool:
    for kind in _AFFINITIES:
        affinity = mapping(spec, "affinity", kind)
        weighted = items(affinity, "preferredDuringSchedulingIgnoredDuringExecution")
        terms = [
            *items(affinity, "requiredDuringSchedulingIgnoredDuringExecution"),
            *(mapping(one, "podAffinityTerm") for one in weighted),
        ]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False


_POD_SCOPES: Final[Mapping[str, Callable[[Json], bool]]] = {
    "Terminating": _is_terminating,
    "NotTerminating": lambda spec: not _is_terminating(spec),
    "BestEffort": _is_best_effort,
    "NotBestEffort": lambda spec: not _is_best_effort(spec),
    "CrossNamespacePodAffinity": _crosses_namespaces,
}
