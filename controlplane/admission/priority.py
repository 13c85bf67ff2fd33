# SPDX-License-Identifier: Apache-2.0
"""Priority: the name of a PriorityClass becomes the number that the scheduler compares."""

from typing import Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.errors import forbidden
from controlplane.registry.data import Json, look, member
from controlplane.request import Admission, Operation, Reader

_GROUP: Final = "scheduling.k8s.io"
_PLURAL: Final = "priorityclasses"
_DEFAULT_POLICY: Final = "PreemptLowerPriority"
# They exist in every cluster (k8s.io/kubernetes pkg/apis/scheduling/v1/helpers.go), also before anybody made them.
SYSTEM_CLASSES: Final[dict[str, Json]] = {
    name: {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "globalDefault": False,
        "description": description,
        "preemptionPolicy": _DEFAULT_POLICY,
    }
    for name, value, description in (
        (
            "system-node-critical",
            2_000_001_000,
            "For pods that a node cannot do without.",
        ),
        (
            "system-cluster-critical",
            2_000_000_000,
            "For pods that the cluster cannot do without, on whichever node.",
        ),
    )
}


class Priority(AdmissionPlugin):
    """Fills in spec.priority and spec.preemptionPolicy of new pods; keeps the global default class the only one."""

    name = "Priority"

    def __init__(self, reader: Reader) -> None:
        """Where classes are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Resolve the class of a new pod; on updates, keep what a client that does not know the fields left out."""
        if admission.object is None:
            return
        spec = member(admission.object, "spec") if is_about(admission, "", "pods", *Operation) else {}
        if is_about(admission, "", "pods", Operation.CREATE):
            await self._resolve(admission, spec)
        elif is_about(admission, "", "pods", Operation.UPDATE):
            for field in ("priority", "preemptionPolicy"):
                old = look(admission.old, "spec", field)
                if old is not None and spec.get(field) is None:
                    spec[field] = old

    async def validate(self, admission: Admission) -> None:
        """Refuse a second class with globalDefault."""
        if not is_about(admission, _GROUP, _PLURAL, Operation.CREATE, Operation.UPDATE):
            return
        if not look(admission.object, "globalDefault"):
            return
        other = await self._default_class()
        name = look(admission.object, "metadata", "name")
        if other and (admission.operation is Operation.CREATE or other["metadata"]["name"] != name):
            taken = other["metadata"]["name"]
            raise forbidden(
                admission, f"PriorityClass {taken} is already marked as default. Only one default can exist"
            )

    async def _resolve(self, admission: Admission, spec: Json) -> None:
        chosen = await self._class_of(admission, spec)
        if look(chosen, "metadata", "name"):
            spec["priorityClassName"] = chosen["metadata"]["name"]
        value, policy = chosen.get("value", 0), chosen.get("preemptionPolicy") or _DEFAULT_POLICY
        given = spec.get("priority")
        if given is not None and given != value:
            raise forbidden(admission, _mismatch("integer", "priority", "%d", given, value))
        given = spec.get("preemptionPolicy")
        if given is not None and given != policy:
            raise forbidden(admission, _mismatch("string", "PreemptionPolicy", "%s", given, policy))
        spec["priority"], spec["preemptionPolicy"] = value, policy

    async def _class_of(self, admission: Admission, spec: Json) -> Json:
        name = spec.get("priorityClassName")
        if not name:
            return await self._default_class() or {}
        found = await self._reader.get(_GROUP, _PLURAL, "", name) or SYSTEM_CLASSES.get(name)
        if found is None:
            raise forbidden(admission, f"no PriorityClass with name {name} was found")
        return found

    async def _default_class(self) -> Json | None:
        """Should two have slipped in, the lowest: it does the least."""
        classes = await self._reader.list(_GROUP, _PLURAL)
        return min(
            (one for one in classes if one.get("globalDefault")), key=lambda one: one["value"], default=None
        )


def _mismatch(type_name: str, field: str, form: str, given: object, computed: object) -> str:
    return (
        f"the {type_name} value of {field} ({form % given}) must not be provided in pod spec; "
        f"priority admission controller computed {form % computed} from the given PriorityClass name"
    )
