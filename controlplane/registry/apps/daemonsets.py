# SPDX-License-Identifier: Apache-2.0
"""DaemonSet."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import apps_v1

from controlplane.registry.columns import AGE, NAME, computed, number, selector_column, template_columns
from controlplane.registry.data import Json, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import labels
from controlplane.registry.strategy import Problems
from controlplane.registry.workloads import WorkloadStrategy, check_share, check_strategy_type, is_nothing
from kube.problem import invalid


class DaemonSetStrategy(WorkloadStrategy):
    """One pod on each node; one at a time is replaced."""

    initial_status: ClassVar[Json | None] = {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    }
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"updateStrategy": {}, "revisionHistoryLimit": 10}

    def set_defaults(self, obj: Json) -> None:
        """How it updates, too."""
        super().set_defaults(obj)
        strategy = obj["spec"]["updateStrategy"]
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            given = {
                key: value
                for key, value in (strategy.get("rollingUpdate") or {}).items()
                if value is not None
            }
            strategy["rollingUpdate"] = {"maxUnavailable": 1, "maxSurge": 0, **given}

    def problems(self, obj: Json) -> Problems:
        """How it updates: either some fewer or some more, not both and not neither."""
        yield from super().problems(obj)
        yield from check_strategy_type(obj, "updateStrategy", ("OnDelete", "RollingUpdate"))
        path = ("spec", "updateStrategy", "rollingUpdate")
        surge, unavailable = look(obj, *path, "maxSurge"), look(obj, *path, "maxUnavailable")
        yield from check_share(surge, (*path, "maxSurge"))
        yield from check_share(unavailable, (*path, "maxUnavailable"))
        if look(obj, *path) is not None and is_nothing(surge) is is_nothing(unavailable):
            accepted = "0 when the other is not, and not 0 when the other is"
            yield invalid((*path, "maxUnavailable"), unavailable, f"{accepted} (maxSurge is {surge})")


RESOURCE = derive(
    apps_v1.DaemonSet,
    short_names=("ds",),
    categories=("all",),
    columns=(
        NAME,
        number("Desired", "status", "desiredNumberScheduled"),
        number("Current", "status", "currentNumberScheduled"),
        number("Ready", "status", "numberReady"),
        number("Up-to-date", "status", "updatedNumberScheduled"),
        number("Available", "status", "numberAvailable"),
        computed(
            "Node Selector", lambda obj: labels(mapping(obj, "spec", "template", "spec", "nodeSelector"))
        ),
        AGE,
        *template_columns("spec", "template"),
        selector_column("spec", "selector"),
    ),
    strategy=DaemonSetStrategy(),
)
