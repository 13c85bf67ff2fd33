# SPDX-License-Identifier: Apache-2.0
"""ResourceQuota."""

from typing import ClassVar, Final

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, computed
from controlplane.registry.data import Json, items, mapping
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_quantities
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import unsupported

SCOPES: Final = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)


class ResourceQuotaStrategy(KindStrategy):
    """Amounts under known scopes; scopes stay."""

    initial_status: ClassVar[Json | None] = {}
    immutable = (("spec", "scopes"),)

    def problems(self, obj: Json) -> Problems:
        """Amounts and scopes."""
        yield from check_quantities(mapping(obj, "spec", "hard"), ("spec", "hard"))
        for index, scope in enumerate(items(obj, "spec", "scopes")):
            if scope not in SCOPES:
                yield unsupported(("spec", "scopes", index), scope, SCOPES)


def _shares(obj: Json, *, limits: bool) -> str:
    """Used and allowed amounts by name: "requests.cpu: 1/2, pods: 0/10"."""
    hard, used = mapping(obj, "status", "hard"), mapping(obj, "status", "used")
    names = [name for name in sorted(hard) if name.startswith("limits.") is limits]
    return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)


RESOURCE = derive(
    core_v1.ResourceQuota,
    short_names=("quota",),
    columns=(
        NAME,
        computed("Request", lambda obj: _shares(obj, limits=False)),
        computed("Limit", lambda obj: _shares(obj, limits=True)),
        AGE,
    ),
    strategy=ResourceQuotaStrategy(),
)
