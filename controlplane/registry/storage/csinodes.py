# SPDX-License-Identifier: Apache-2.0
"""CSINode."""

from lightkube.resources import storage_v1

from controlplane.registry.columns import AGE, NAME, count
from controlplane.registry.data import Json, items
from controlplane.registry.derive import derive
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import Path, duplicate, required


class CSINodeStrategy(KindStrategy):
    """The drivers of a node; one that is there does not change."""

    def problems(self, obj: Json) -> Problems:
        """Each driver once, with the node's name for it."""
        seen: set[object] = set()
        for index, driver in enumerate(items(obj, "spec", "drivers")):
            at: Path = ("spec", "drivers", index)
            for field in ("name", "nodeID"):
                if not driver.get(field):
                    yield required((*at, field))
            if driver.get("name") in seen:
                yield duplicate((*at, "name"), driver.get("name"), "each driver once")
            seen.add(driver.get("name"))


RESOURCE = derive(
    storage_v1.CSINode,
    columns=(NAME, count("Drivers", "spec", "drivers", type="integer"), AGE),
    strategy=CSINodeStrategy(),
)
