# SPDX-License-Identifier: Apache-2.0
"""CSIDriver."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import storage_v1

from controlplane.registry.columns import AGE, NAME, computed
from controlplane.registry.data import Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.humanize import UNSET, joined
from controlplane.registry.meta_checks import check_choice
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import unsupported


class CSIDriverStrategy(KindStrategy):
    """What a driver needs of the kubelet and the scheduler."""

    immutable = (("spec", "attachRequired"), ("spec", "volumeLifecycleModes"))
    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "volumeLifecycleModes": ["Persistent"],
        "requiresRepublish": False,
        "seLinuxMount": False,
    }

    def problems(self, obj: Json) -> Problems:
        """Known policies and modes."""
        policies = ("File", "None", "ReadWriteOnceWithFSType")
        yield from check_choice(obj, ("spec", "fsGroupPolicy"), policies)
        for index, mode in enumerate(items(obj, "spec", "volumeLifecycleModes")):
            if mode not in ("Persistent", "Ephemeral"):
                yield unsupported(("spec", "volumeLifecycleModes", index), mode, ("Ephemeral", "Persistent"))


def _flag(name: str, field: str, *, default: bool) -> Column:
    return Column(name, lambda obj: bool(look(obj, "spec", field, default=default)), type="boolean")


def _audiences(obj: Json) -> str:
    return joined((token.get("audience", "") for token in items(obj, "spec", "tokenRequests")), empty=UNSET)


RESOURCE = derive(
    storage_v1.CSIDriver,
    columns=(
        NAME,
        _flag("AttachRequired", "attachRequired", default=True),
        _flag("PodInfoOnMount", "podInfoOnMount", default=False),
        _flag("StorageCapacity", "storageCapacity", default=False),
        computed("TokenRequests", _audiences),
        _flag("RequiresRepublish", "requiresRepublish", default=False),
        computed("Modes", lambda obj: joined(items(obj, "spec", "volumeLifecycleModes"))),
        AGE,
    ),
    strategy=CSIDriverStrategy(),
)
