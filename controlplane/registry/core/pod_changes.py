# SPDX-License-Identifier: Apache-2.0
"""What may change in the spec of a pod, by an update and by its subresources (kubernetes ValidatePodUpdate)."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Final

from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.pod_checks import check_more
from controlplane.registry.qos import qos_class
from kube.names import DNS_LABEL
from kube.problem import FieldProblem, Path, duplicate, forbidden, invalid, not_found, required

Problems = Iterable[FieldProblem]

_CONTAINERS: Final = ("containers", "initContainers")
_MUTABLE: Final = (
    "`spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` "
    "(only additions to existing tolerations), `spec.schedulingGates` (only removals), "
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_pod_change(spec: Json, old: Json) -> Problems:
    """An update: images, the deadline (shorter), tolerations (more), gates (fewer), and nothing else."""
    yield from _deadline(spec, old)
    yield from _tolerations(spec, old)
    yield from _gates(spec, old)
    if _without_mutable(spec, old) != old:
        yield forbidden(("spec",), f"pod updates may not change fields other than {_MUTABLE}")


def _without_mutable(spec: Json, old: Json) -> Json:
    """The new spec, with all that may change put back to what it was."""
    copy = deepcopy(spec)
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _put_back(copy, old, field)
    if items(old, "schedulingGates"):
        # Until its gates are gone, where a pod may run can still be narrowed.
        for field in ("nodeSelector", "affinity"):
            _put_back(copy, old, field)
    if (
        look(old, "terminationGracePeriodSeconds", default=0) < 0
        and copy.get("terminationGracePeriodSeconds") == 1
    ):
        copy["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    for kind in _CONTAINERS:
        for container, before in zip(items(copy, kind), items(old, kind), strict=False):
            _put_back(container, before, "image")
    return copy


def _put_back(target: Json, old: Json, field: str) -> None:
    if field in old:
        target[field] = old[field]
    else:
        target.pop(field, None)


def _deadline(spec: Json, old: Json) -> Problems:
    asked, was = look(spec, "activeDeadlineSeconds"), look(old, "activeDeadlineSeconds")
    if was is not None and (asked is None or asked > was):
        yield invalid(("spec", "activeDeadlineSeconds"), asked, f"at most {was}, what it is now")


def _tolerations(spec: Json, old: Json) -> Problems:
    """All old ones are still there; only how long may be changed."""
    kept = [_what(toleration) for toleration in items(spec, "tolerations")]
    if any(_what(toleration) not in kept for toleration in items(old, "tolerations")):
        yield forbidden(
            ("spec", "tolerations"), "existing toleration can not be modified except its tolerationSeconds"
        )


def _what(toleration: Json) -> Json:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _gates(spec: Json, old: Json) -> Problems:
    known = {gate.get("name") for gate in items(old, "schedulingGates")}
    for index, gate in enumerate(items(spec, "schedulingGates")):
        if gate.get("name") not in known:
            message = "only deletion is allowed, but found new scheduling gate"
            yield forbidden(("spec", "schedulingGates", index), f"{message} {gate.get('name')!r}")


def check_ephemeral(spec: Json, old: Json) -> Problems:
    """Ephemeral containers stay as they are, and new ones have a name, an image, and neither ports nor probes."""
    before = {c.get("name"): c for c in items(old, "ephemeralContainers")}
    after = items(spec, "ephemeralContainers")
    at: Path = ("spec", "ephemeralContainers")
    for name, container in before.items():
        if container not in after:
            yield forbidden(at, f"existing ephemeral containers {name!r} may not be removed or changed")
    used = {c.get("name") for kind in _CONTAINERS for c in items(spec, kind)}
    for index, container in enumerate(after):
        name = container.get("name", "")
        yield from DNS_LABEL.check((*at, index, "name"), name)
        if name in used:
            yield duplicate((*at, index, "name"), name, "a name that no other container of the pod has")
        used.add(name)
        yield from _ephemeral(container, (*at, index), {c.get("name") for c in items(spec, "containers")})
    yield from check_more(spec, ("spec",))


def _ephemeral(container: Json, path: Path, targets: set[object]) -> Problems:
    if not container.get("image"):
        yield required((*path, "image"))
    for field in ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
        if container.get(field):
            yield forbidden((*path, field), "cannot be set for an ephemeral container")
    if mapping(container, "resources"):
        yield forbidden((*path, "resources"), "cannot be set for an ephemeral container")
    target = container.get("targetContainerName")
    if target and target not in targets:
        yield not_found((*path, "targetContainerName"), target, "one of spec.containers")


def check_resize(obj: Json, old: Json) -> Problems:
    """A resize changes requests and limits of CPU and memory only, and keeps the quality of service."""
    spec, before = mapping(obj, "spec"), mapping(old, "spec")
    if _without_amounts(spec) != _without_amounts(before):
        yield forbidden(("spec",), "only cpu and memory resources are mutable")
    if qos_class(spec) != qos_class(before):
        yield invalid(("spec",), qos_class(spec), f"resources that keep the qos class {qos_class(before)}")


def _without_amounts(spec: Json) -> Json:
    copy = deepcopy(spec)
    for holder in (copy, *(c for kind in _CONTAINERS for c in items(copy, kind))):
        for kind in ("requests", "limits"):
            for name in ("cpu", "memory"):
                mapping(holder, "resources", kind).pop(name, None)
        holder["resources"] = {k: v for k, v in mapping(holder, "resources").items() if v}
    return copy
