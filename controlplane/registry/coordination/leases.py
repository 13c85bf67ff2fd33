# SPDX-License-Identifier: Apache-2.0
"""Lease."""

from lightkube.resources import coordination_v1

from controlplane.registry.columns import AGE, NAME, text
from controlplane.registry.data import Json
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_count
from controlplane.registry.strategy import KindStrategy, Problems


class LeaseStrategy(KindStrategy):
    """Who holds it, since when, for how long; renewed by PUT, also of one that is not there."""

    creates_on_update = True

    def problems(self, obj: Json) -> Problems:
        """Numbers that are not negative."""
        yield from check_count(obj, "spec", "leaseDurationSeconds", least=1)
        yield from check_count(obj, "spec", "leaseTransitions")


RESOURCE = derive(
    coordination_v1.Lease,
    columns=(NAME, text("Holder", "spec", "holderIdentity", empty=""), AGE),
    strategy=LeaseStrategy(),
)
