# SPDX-License-Identifier: Apache-2.0
"""PersistentVolume."""

from collections.abc import Mapping
from typing import ClassVar, Final

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, text
from controlplane.registry.data import Defaults, Json, items, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import UNSET
from controlplane.registry.meta_checks import check_choice, check_quantities
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.volumes import access_modes, check_access_modes, class_name, phase
from kube.problem import forbidden, required

# Fields of a PersistentVolumeSpec that are not a source.
_COMMON: Final = frozenset(
    (
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    )
)


class PersistentVolumeStrategy(KindStrategy):
    """One source, a capacity; the source stays."""

    initial_status: ClassVar[Json | None] = {"phase": "Pending"}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "persistentVolumeReclaimPolicy": "Retain",
        "volumeMode": "Filesystem",
    }
    defaults: ClassVar[Defaults] = {
        ("spec", "hostPath"): {"type": ""},
        ("spec", "iscsi"): {"iscsiInterface": "default"},
    }

    def problems(self, obj: Json) -> Problems:
        """Capacity, access modes, one source, and where a local one is."""
        spec = mapping(obj, "spec")
        yield from check_access_modes(spec)
        yield from check_quantities(mapping(spec, "capacity"), ("spec", "capacity"))
        if "storage" not in mapping(spec, "capacity"):
            yield required(("spec", "capacity", "storage"))
        sources = sorted(_sources(spec))
        if not sources:
            yield required(("spec",), "a source such as hostPath, local, nfs or csi")
        for extra in sources[1:]:
            yield forbidden(("spec", extra), "may not specify more than 1 volume type")
        if "local" in sources and not mapping(spec, "nodeAffinity"):
            yield required(("spec", "nodeAffinity"), "the node that a local volume is on")
        policies = ("Retain", "Delete", "Recycle")
        yield from check_choice(obj, ("spec", "persistentVolumeReclaimPolicy"), policies)
        yield from check_choice(obj, ("spec", "volumeMode"), ("Block", "Filesystem"))

    def changes(self, obj: Json, old: Json) -> Problems:
        """The source and the mode of a volume stay."""
        spec, before = mapping(obj, "spec"), mapping(old, "spec")
        for field in sorted({*_sources(spec), *_sources(before), "volumeMode"}):
            if spec.get(field) != before.get(field):
                yield forbidden(("spec", field), "is immutable after creation")


def _sources(spec: Json) -> set[str]:
    return {field for field, value in spec.items() if field not in _COMMON and value is not None}


def _claim(obj: Json) -> str:
    claim = mapping(obj, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


RESOURCE = derive(
    core_v1.PersistentVolume,
    short_names=("pv",),
    columns=(
        NAME,
        text("Capacity", "spec", "capacity", "storage", empty=""),
        computed("Access Modes", lambda obj: access_modes(items(obj, "spec", "accessModes"))),
        text("Reclaim Policy", "spec", "persistentVolumeReclaimPolicy", empty=""),
        computed("Status", phase),
        computed("Claim", _claim),
        computed("StorageClass", class_name),
        text("VolumeAttributesClass", "spec", "volumeAttributesClassName", empty=UNSET),
        computed("Reason", lambda obj: look(obj, "status", "reason", default="")),
        AGE,
        text("VolumeMode", "spec", "volumeMode", empty=UNSET, priority=WIDE),
    ),
    strategy=PersistentVolumeStrategy(),
)
