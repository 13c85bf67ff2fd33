# SPDX-License-Identifier: Apache-2.0
"""How writes of a Pod are prepared and checked, with its subresources."""

from collections.abc import Iterable, Mapping
from copy import deepcopy

from controlplane.errors import Cause
from controlplane.registry.core.pod_changes import check_ephemeral, check_pod_change, check_resize
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.humanize import now
from controlplane.registry.qos import qos_class
from controlplane.registry.strategy import KindStrategy, Problems, causes
from controlplane.registry.templates import check_spec, set_spec_defaults
from kube.problem import forbidden, required

_TERMINAL = ("Succeeded", "Failed")
# What a resize may touch; the rest of the spec stays.
_RESIZED = ("containers", "initContainers", "resources")


class PodStrategy(KindStrategy):
    """A pod's spec hardly changes; it ends by itself, and others write to it through subresources."""

    has_generation = True

    def set_defaults(self, obj: Json) -> None:
        """Those of a pod template's spec."""
        set_spec_defaults(obj)

    def prepare_create(self, obj: Json) -> None:
        """Pending, with its quality of service, which is decided once."""
        super().prepare_create(obj)
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(mapping(obj, "spec"))}
        if items(obj, "spec", "schedulingGates"):
            obj["status"]["conditions"] = [_gated()]

    def prepare_subresource(self, name: str, obj: Json, old: Json) -> None:
        """Each subresource changes its part of the spec only, or the status."""
        parts = {"ephemeralcontainers": ("ephemeralContainers",), "resize": _RESIZED}
        if name not in parts:
            super().prepare_subresource(name, obj, old)
            return
        self.set_defaults(obj)
        asked = {part: value for part, value in mapping(obj, "spec").items() if part in parts[name]}
        kept = {key: value for key, value in mapping(old, "spec").items() if key not in parts[name]}
        obj.clear()
        obj.update(deepcopy(old))
        obj["spec"] = {**kept, **asked}
        if obj["spec"] != mapping(old, "spec"):
            obj["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1

    def problems(self, obj: Json) -> Problems:
        """The rules of every PodSpec."""
        if not mapping(obj, "spec"):
            return [required(("spec",))]
        return check_spec(obj["spec"], ("spec",))

    def validate_create(self, obj: Json) -> Iterable[Cause]:
        """Ephemeral containers come later, by their subresource."""
        if items(obj, "spec", "ephemeralContainers"):
            return causes([forbidden(("spec", "ephemeralContainers"), "cannot be set on create")])
        return ()

    def changes(self, obj: Json, old: Json) -> Problems:
        """What may change in a spec."""
        return check_pod_change(mapping(obj, "spec"), mapping(old, "spec"))

    def validate_subresource(self, name: str, obj: Json, old: Json) -> Iterable[Cause]:
        """Ephemeral containers are only added; a resize changes amounts only."""
        if name == "ephemeralcontainers":
            return causes(check_ephemeral(mapping(obj, "spec"), mapping(old, "spec")))
        if name == "resize":
            return causes(check_resize(obj, old))
        return ()

    def fields(self, obj: Json) -> Mapping[str, str]:
        """What field selectors of pods may ask."""
        found = {field: look(obj, *field.split("."), default="") for field in _FIELDS}
        host_network = look(obj, "spec", "hostNetwork", default=False)
        return {**found, "spec.hostNetwork": "true" if host_network else "false"}

    def grace_seconds(self, obj: Json, asked: int | None) -> int:
        """The asked time, else the pod's own; none for a pod that runs nowhere or has ended."""
        if not look(obj, "spec", "nodeName") or look(obj, "status", "phase") in _TERMINAL:
            return 0
        grace: int = look(obj, "spec", "terminationGracePeriodSeconds", default=0) if asked is None else asked
        return grace if grace >= 0 else 1


_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)


def _gated() -> Json:
    """The condition of a pod that somebody still holds back from the scheduler."""
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastTransitionTime": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
