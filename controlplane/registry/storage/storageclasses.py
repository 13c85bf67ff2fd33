# SPDX-License-Identifier: Apache-2.0
"""StorageClass."""

from typing import ClassVar, Final

from lightkube.resources import storage_v1

from controlplane.registry.columns import AGE, computed, text
from controlplane.registry.data import Defaults, Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_choice
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import LABEL_KEY

DEFAULT_ANNOTATIONS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


class StorageClassStrategy(KindStrategy):
    """How volumes are made; it does not change for those that are."""

    defaults: ClassVar[Defaults] = {(): {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}}
    immutable = (("parameters",), ("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",))

    def problems(self, obj: Json) -> Problems:
        """A provisioner's name and known policies."""
        yield from LABEL_KEY.check(("provisioner",), look(obj, "provisioner", default="").lower())
        yield from check_choice(obj, ("reclaimPolicy",), ("Delete", "Retain"))
        yield from check_choice(obj, ("volumeBindingMode",), ("Immediate", "WaitForFirstConsumer"))


def _name(obj: Json) -> str:
    annotations = look(obj, "metadata", "annotations", default={})
    mark = " (default)" if any(annotations.get(name) == "true" for name in DEFAULT_ANNOTATIONS) else ""
    return f"{look(obj, 'metadata', 'name', default='')}{mark}"


RESOURCE = derive(
    storage_v1.StorageClass,
    short_names=("sc",),
    columns=(
        Column("Name", _name, format="name"),
        text("Provisioner", "provisioner", empty=""),
        text("ReclaimPolicy", "reclaimPolicy", empty="Delete"),
        text("VolumeBindingMode", "volumeBindingMode", empty="Immediate"),
        computed("AllowVolumeExpansion", lambda obj: str(bool(look(obj, "allowVolumeExpansion"))).lower()),
        AGE,
    ),
    strategy=StorageClassStrategy(),
)
