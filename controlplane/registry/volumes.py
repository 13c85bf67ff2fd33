# SPDX-License-Identifier: Apache-2.0
"""What PersistentVolumes and their claims share: access modes, the name of their class, their phase."""

from collections.abc import Iterable
from typing import Final

from controlplane.registry.data import Json, items, look
from kube.problem import FieldProblem, forbidden, required, unsupported

# Access mode -> how it is shown.
ACCESS_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"


def access_modes(modes: Iterable[str]) -> str:
    """As kubectl shows them, in the order above: "RWO,RWX"."""
    given = set(modes)
    return ",".join(short for mode, short in ACCESS_MODES.items() if mode in given)


def check_access_modes(spec: Json) -> Iterable[FieldProblem]:
    """At least one, all known, ReadWriteOncePod alone."""
    modes = items(spec, "accessModes")
    if not modes:
        yield required(("spec", "accessModes"), "at least 1 access mode")
    for index, mode in enumerate(modes):
        if mode not in ACCESS_MODES:
            yield unsupported(("spec", "accessModes", index), mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield forbidden(("spec", "accessModes"), "may not use ReadWriteOncePod with other access modes")


def class_name(obj: Json) -> str:
    """The storage class, by its field or the annotation from before it."""
    found: str = look(obj, "metadata", "annotations", CLASS_ANNOTATION, default="")
    return found or str(look(obj, "spec", "storageClassName", default=""))


def phase(obj: Json) -> str:
    """The phase, or that it is being deleted."""
    deleted = look(obj, "metadata", "deletionTimestamp")
    return "Terminating" if deleted else str(look(obj, "status", "phase", default=""))
