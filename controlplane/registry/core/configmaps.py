# SPDX-License-Identifier: Apache-2.0
"""ConfigMap."""

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME
from controlplane.registry.content import IMMUTABLE_CONFIG, check_content, check_frozen
from controlplane.registry.data import Json, mapping
from controlplane.registry.derive import derive
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems


class ConfigMapStrategy(KindStrategy):
    """Keys that can be file names, 1 MiB in all, and nothing changes once it is immutable."""

    def problems(self, obj: Json) -> Problems:
        """Keys and size."""
        return check_content(obj, ("data", "binaryData"))

    def changes(self, obj: Json, old: Json) -> Problems:
        """The promise of `immutable`."""
        return check_frozen(obj, old, IMMUTABLE_CONFIG)


def _size(obj: Json) -> int:
    return len(mapping(obj, "data")) + len(mapping(obj, "binaryData"))


RESOURCE = derive(
    core_v1.ConfigMap,
    short_names=("cm",),
    columns=(NAME, Column("Data", _size), AGE),
    strategy=ConfigMapStrategy(),
)
