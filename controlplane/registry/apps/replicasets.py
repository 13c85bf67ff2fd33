# SPDX-License-Identifier: Apache-2.0
"""ReplicaSet."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import apps_v1

from controlplane.registry.columns import AGE, NAME, number, selector_column, template_columns
from controlplane.registry.data import Json, look
from controlplane.registry.derive import derive
from controlplane.registry.workloads import WorkloadStrategy


class ReplicaSetStrategy(WorkloadStrategy):
    """A number of pods alike."""

    initial_status: ClassVar[Json | None] = {"replicas": 0}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"replicas": 1}

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By the number of replicas that there are."""
        return {"status.replicas": str(look(obj, "status", "replicas", default=0))}


RESOURCE = derive(
    apps_v1.ReplicaSet,
    short_names=("rs",),
    categories=("all",),
    columns=(
        NAME,
        number("Desired", "spec", "replicas"),
        number("Current", "status", "replicas"),
        number("Ready", "status", "readyReplicas"),
        AGE,
        *template_columns("spec", "template"),
        selector_column("spec", "selector"),
    ),
    strategy=ReplicaSetStrategy(),
)
