# SPDX-License-Identifier: Apache-2.0
"""PersistentVolumeClaim."""

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, text
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import UNSET
from controlplane.registry.meta_checks import check_choice, check_quantities, check_selector
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.volumes import access_modes, check_access_modes, class_name, phase
from kube.problem import forbidden, refused, required
from kube.quantity import parse


class ClaimStrategy(KindStrategy):
    """What is asked for stays, except that a bound claim may grow."""

    initial_status: ClassVar[Json | None] = {"phase": "Pending"}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"volumeMode": "Filesystem"}

    def problems(self, obj: Json) -> Problems:
        """Access modes, a size above nothing, a selector that can be read."""
        spec = mapping(obj, "spec")
        yield from check_access_modes(spec)
        yield from _size(spec)
        yield from check_selector(look(spec, "selector"), ("spec", "selector"))
        yield from check_choice(obj, ("spec", "volumeMode"), ("Block", "Filesystem"))

    def changes(self, obj: Json, old: Json) -> Problems:
        """Nothing, but a larger size of a bound claim, and what a binder fills in."""
        spec, before = mapping(obj, "spec"), mapping(old, "spec")
        if _asked(spec, before) != before:
            message = (
                "spec is immutable after creation except resources.requests and volumeAttributesClassName"
            )
            yield forbidden(("spec",), f"{message} for bound claims")
        yield from _shrunk(obj, old)


def _asked(spec: Json, before: Json) -> Json:
    """The new spec with what may change put back."""
    copy = deepcopy(spec)
    for field in ("volumeName", "storageClassName"):
        if not before.get(field):
            copy.pop(field, None)
            copy.update({field: before[field]} if field in before else {})
    if before.get("volumeName"):
        for field in ("resources", "volumeAttributesClassName"):
            copy.pop(field, None)
            copy.update({field: before[field]} if field in before else {})
    return copy


def _size(spec: Json) -> Problems:
    requests, path = mapping(spec, "resources", "requests"), ("spec", "resources", "requests")
    problems = list(check_quantities(requests, path))
    yield from problems
    if "storage" not in requests:
        yield required((*path, "storage"))
    elif not problems and not parse(requests["storage"]):
        yield refused((*path, "storage"), requests["storage"], "must be greater than zero")


def _shrunk(obj: Json, old: Json) -> Problems:
    path = ("spec", "resources", "requests", "storage")
    asked, was = look(obj, *path), look(old, *path)
    held = look(old, "status", "capacity", "storage", default="0")
    if asked is not None and was is not None and parse(asked) < parse(was) and parse(asked) <= parse(held):
        yield forbidden(path, "field can not be less than status.capacity")


def _bound(obj: Json) -> bool:
    return bool(look(obj, "spec", "volumeName"))


def _modes(obj: Json) -> str:
    return access_modes(items(obj, "status", "accessModes")) if _bound(obj) else ""


def _capacity(obj: Json) -> str:
    return str(look(obj, "status", "capacity", "storage", default="")) if _bound(obj) else ""


RESOURCE = derive(
    core_v1.PersistentVolumeClaim,
    short_names=("pvc",),
    columns=(
        NAME,
        computed("Status", phase),
        text("Volume", "spec", "volumeName", empty=""),
        computed("Capacity", _capacity),
        computed("Access Modes", _modes),
        computed("StorageClass", class_name),
        text("VolumeAttributesClass", "spec", "volumeAttributesClassName", empty=UNSET),
        AGE,
        text("VolumeMode", "spec", "volumeMode", empty=UNSET, priority=WIDE),
    ),
    strategy=ClaimStrategy(),
)
