# SPDX-License-Identifier: Apache-2.0
"""CSIStorageCapacity."""

from lightkube.resources import storage_v1

from controlplane.registry.columns import NAME, text
from controlplane.registry.data import Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_quantity, check_selector
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_SUBDOMAIN


class CapacityStrategy(KindStrategy):
    """How much a class still has somewhere; class and place stay."""

    immutable = (("storageClassName",), ("nodeTopology",))

    def problems(self, obj: Json) -> Problems:
        """A class's name, a place, and amounts."""
        yield from DNS_SUBDOMAIN.check(("storageClassName",), look(obj, "storageClassName"))
        yield from check_selector(look(obj, "nodeTopology"), ("nodeTopology",))
        for field in ("capacity", "maximumVolumeSize"):
            if look(obj, field) is not None:
                yield from check_quantity(obj[field], (field,))


RESOURCE = derive(
    storage_v1.CSIStorageCapacity,
    columns=(
        NAME,
        text("StorageClassName", "storageClassName", empty=""),
        text("Capacity", "capacity", empty="<unset>"),
    ),
    strategy=CapacityStrategy(),
)
