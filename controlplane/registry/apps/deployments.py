# SPDX-License-Identifier: Apache-2.0
"""Deployment."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import apps_v1

from controlplane.registry.columns import AGE, NAME, computed, number, selector_column, template_columns
from controlplane.registry.data import Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_count
from controlplane.registry.strategy import Problems
from controlplane.registry.workloads import WorkloadStrategy, check_share, check_strategy_type, is_nothing
from kube.problem import forbidden, refused

TYPES = ("Recreate", "RollingUpdate")


class DeploymentStrategy(WorkloadStrategy):
    """Rolls by default, a quarter more and a quarter fewer; its annotations count as a new generation, too."""

    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "replicas": 1,
        "strategy": {},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }

    def set_defaults(self, obj: Json) -> None:
        """How it rolls, too."""
        super().set_defaults(obj)
        strategy = obj["spec"]["strategy"]
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
            given = {
                key: value
                for key, value in (strategy.get("rollingUpdate") or {}).items()
                if value is not None
            }
            strategy["rollingUpdate"] = {**rolling, **given}

    def prepare_update(self, obj: Json, old: Json) -> None:
        """Annotations reach the ReplicaSets, so their change counts."""
        super().prepare_update(obj, old)
        before = old["metadata"].get("generation", 1)
        if look(obj, "metadata", "annotations", default={}) != look(
            old, "metadata", "annotations", default={}
        ):
            obj["metadata"]["generation"] = before + 1

    def problems(self, obj: Json) -> Problems:
        """How it rolls, and that the deadline leaves time to become ready."""
        yield from super().problems(obj)
        yield from check_strategy_type(obj, "strategy", TYPES)
        yield from _rolling(obj)
        yield from check_count(obj, "spec", "progressDeadlineSeconds")
        deadline, ready = (
            look(obj, "spec", "progressDeadlineSeconds"),
            look(obj, "spec", "minReadySeconds", default=0),
        )
        if deadline is not None and deadline <= ready:
            yield refused(
                ("spec", "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds"
            )


def _rolling(obj: Json) -> Problems:
    path = ("spec", "strategy", "rollingUpdate")
    rolling = look(obj, *path)
    if look(obj, "spec", "strategy", "type") == "Recreate":
        if rolling is not None:
            yield forbidden(path, "may not be specified when strategy `type` is 'Recreate'")
        return
    surge, unavailable = look(rolling, "maxSurge"), look(rolling, "maxUnavailable")
    yield from check_share(surge, (*path, "maxSurge"))
    yield from check_share(unavailable, (*path, "maxUnavailable"))
    if is_nothing(surge) and is_nothing(unavailable):
        yield refused((*path, "maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0")
    if isinstance(unavailable, str) and unavailable[:-1].isdecimal() and int(unavailable[:-1]) > 100:
        yield refused((*path, "maxUnavailable"), unavailable, "must not be greater than 100%")


def _ready(obj: Json) -> str:
    return f"{look(obj, 'status', 'readyReplicas', default=0)}/{look(obj, 'spec', 'replicas', default=0)}"


RESOURCE = derive(
    apps_v1.Deployment,
    short_names=("deploy",),
    categories=("all",),
    columns=(
        NAME,
        computed("Ready", _ready),
        number("Up-to-date", "status", "updatedReplicas"),
        number("Available", "status", "availableReplicas"),
        AGE,
        *template_columns("spec", "template"),
        selector_column("spec", "selector"),
    ),
    strategy=DeploymentStrategy(),
)
