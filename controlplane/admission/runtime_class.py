# SPDX-License-Identifier: Apache-2.0
"""RuntimeClass: a pod gets what its class costs (overhead) and where it can run (scheduling)."""

from controlplane.admission.amounts import read, without_zeros
from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.errors import forbidden
from controlplane.registry.data import Json, items, look, mapping, member
from controlplane.request import Admission, Operation, Reader

_UNASKED = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
_OTHER = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


class RuntimeClass(AdmissionPlugin):
    """Completes new pods with a class; refuses missing classes, and overhead that is not the class's."""

    name = "RuntimeClass"

    def __init__(self, reader: Reader) -> None:
        """Where classes are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Set spec.overhead; merge the class's nodeSelector and tolerations into the pod's."""
        pod = admission.object
        if pod is None or not is_about(admission, "", "pods", Operation.CREATE):
            return
        found = await self._class_of(admission, pod)
        overhead = mapping(found, "overhead", "podFixed")
        spec = member(pod, "spec")
        if overhead and look(spec, "overhead") is None:
            spec["overhead"] = dict(overhead)
        _merge_selector(admission, spec, mapping(found, "scheduling", "nodeSelector"))
        _merge_tolerations(spec, items(found, "scheduling", "tolerations"))

    async def validate(self, admission: Admission) -> None:
        """Overhead is the class's, and nobody else's."""
        pod = admission.object
        if pod is None or not is_about(admission, "", "pods", Operation.CREATE):
            return
        wanted = mapping(await self._class_of(admission, pod), "overhead", "podFixed")
        given = mapping(pod, "spec", "overhead")
        if without_zeros(read(given)) != without_zeros(read(wanted)):
            raise forbidden(admission, _OTHER if wanted else _UNASKED)

    async def _class_of(self, admission: Admission, pod: Json) -> Json:
        """The pod's class; empty when it names none."""
        name = look(pod, "spec", "runtimeClassName")
        if not name:
            return {}
        found = await self._reader.get("node.k8s.io", "runtimeclasses", "", name)
        if found is None:
            raise forbidden(admission, f'pod rejected: RuntimeClass "{name}" not found')
        return found


def _merge_selector(admission: Admission, spec: Json, wanted: Json) -> None:
    given = mapping(spec, "nodeSelector")
    for key, value in wanted.items():
        if given.get(key, value) != value:
            raise forbidden(
                admission,
                f"conflict: runtimeClass.Scheduling.NodeSelector[{key}] = {value}; "
                f"pod.Spec.NodeSelector[{key}] = {given[key]}",
            )
    if wanted:
        spec["nodeSelector"] = {**given, **wanted}


def _merge_tolerations(spec: Json, wanted: list[Json]) -> None:
    given = items(spec, "tolerations")
    added = [dict(one) for one in wanted if one not in given]
    if added:
        spec["tolerations"] = [*given, *added]
