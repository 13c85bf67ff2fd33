# SPDX-License-Identifier: Apache-2.0
"""LimitRanger: a namespace's LimitRanges give containers their amounts and bound those of containers, pods, claims."""

from collections.abc import Mapping
from typing import Any, Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.errors import forbidden, joined
from controlplane.admission.limit_checks import claim_problems, pod_problems
from controlplane.registry.data import Json, items, look, mapping, member
from controlplane.request import Admission, Operation, Reader

ANNOTATION: Final = "kubernetes.io/limit-ranger"
_CLAIMS: Final = "persistentvolumeclaims"
# In the order of the annotation's text.
_KINDS: Final = (("containers", "container"), ("initContainers", "init container"))
_FIELDS: Final = (("defaultRequest", "requests", "request"), ("default", "limits", "limit"))


class LimitRanger(AdmissionPlugin):
    """Defaults go into new pods; bounds hold for new pods, resized pods and claims."""

    name = "LimitRanger"

    def __init__(self, reader: Reader) -> None:
        """Where LimitRanges are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Fill in requests and limits of containers, and say so in an annotation."""
        if admission.object is not None and is_about(admission, "", "pods", Operation.CREATE):
            for limit_range in await self._ranges(admission):
                set_defaults(admission.object, limit_range)

    async def validate(self, admission: Admission) -> None:
        """Refuse with every bound that is broken in the first LimitRange that has one."""
        obj, old = admission.object, admission.old
        if obj is None or not _is_bounded(admission) or look(obj, "metadata", "deletionTimestamp"):
            return
        check = claim_problems if admission.attributes.resource == _CLAIMS else pod_problems
        for limit_range in await self._ranges(admission):
            limits = items(limit_range, "spec", "limits")
            problems = [problem for limit in limits for problem in check(limit, obj, old)]
            if problems:
                raise forbidden(admission, joined(problems))

    async def _ranges(self, admission: Admission) -> list[Json]:
        return await self._reader.list("", "limitranges", admission.attributes.namespace)


def _is_bounded(admission: Admission) -> bool:
    """Containers of a pod cannot change by an update of the pod itself, only through resize."""
    return (
        is_about(admission, "", "pods", Operation.CREATE)
        or is_about(admission, "", "pods", Operation.UPDATE, subresources=("resize",))
        or is_about(admission, "", _CLAIMS, Operation.CREATE, Operation.UPDATE)
    )


def set_defaults(pod: Json, limit_range: Json) -> None:
    """Complete requests and limits of a pod's containers, in place, with what a LimitRange has for containers."""
    defaults = {field: _defaults(limit_range, field) for field, _, _ in _FIELDS}
    notes = [
        note
        for kind, title in _KINDS
        for container in items(pod, "spec", kind)
        for note in _complete(container, title, defaults)
    ]
    if notes:
        annotations = member(member(pod, "metadata"), "annotations")
        annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(notes)


def _defaults(limit_range: Json, field: str) -> Json:
    """Several items for containers complete each other, the last word counts."""
    merged: Json = {}
    for limit in items(limit_range, "spec", "limits"):
        if limit.get("type") == "Container":
            merged.update(mapping(limit, field))
    return merged


def _complete(container: Json, title: str, defaults: Mapping[str, Mapping[str, Any]]) -> list[str]:
    notes = []
    for field, target, word in _FIELDS:
        given = mapping(container, "resources", target)
        added = {name: amount for name, amount in defaults[field].items() if name not in given}
        if added:
            member(container, "resources")[target] = {**given, **added}
            notes.append(f"{', '.join(sorted(added))} {word} for {title} {container.get('name')}")
    return notes
