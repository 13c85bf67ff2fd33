# SPDX-License-Identifier: Apache-2.0
"""VolumeAttachment."""

from typing import ClassVar

from lightkube.resources import storage_v1

from controlplane.registry.columns import AGE, NAME, text
from controlplane.registry.data import Json, look
from controlplane.registry.derive import derive
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import forbidden, required


class VolumeAttachmentStrategy(KindStrategy):
    """That a volume should be on a node; it does not change, only its status does."""

    initial_status: ClassVar[Json | None] = {"attached": False}
    immutable = (("spec",),)

    def problems(self, obj: Json) -> Problems:
        """An attacher, a node, and one source."""
        for field in ("attacher", "nodeName"):
            if not look(obj, "spec", field):
                yield required(("spec", field))
        path = ("spec", "source")
        given = [name for name in ("persistentVolumeName", "inlineVolumeSpec") if look(obj, *path, name)]
        if not given:
            yield required(path, "persistentVolumeName or inlineVolumeSpec")
        for extra in given[1:]:
            yield forbidden((*path, extra), "may not be set together with persistentVolumeName")


RESOURCE = derive(
    storage_v1.VolumeAttachment,
    columns=(
        NAME,
        text("Attacher", "spec", "attacher", empty=""),
        text("PV", "spec", "source", "persistentVolumeName", empty=""),
        text("Node", "spec", "nodeName", empty=""),
        Column("Attached", lambda obj: bool(look(obj, "status", "attached")), type="boolean"),
        AGE,
    ),
    strategy=VolumeAttachmentStrategy(),
)
