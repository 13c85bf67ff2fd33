# SPDX-License-Identifier: Apache-2.0
"""ReplicationController: its selector is a plain map, and is the template's labels where it is left out."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, number, template_columns
from controlplane.registry.data import Json, look, mapping, member
from controlplane.registry.derive import derive
from controlplane.registry.humanize import labels
from controlplane.registry.meta_checks import check_count
from controlplane.registry.strategy import Problems
from controlplane.registry.templates import check_template
from controlplane.registry.workloads import WorkloadStrategy, check_labels_selected
from kube.names import check_labels
from kube.problem import required


class ReplicationControllerStrategy(WorkloadStrategy):
    """As a ReplicaSet, in the words of 2014; the selector may change."""

    initial_status: ClassVar[Json | None] = {"replicas": 0}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"replicas": 1}
    immutable = ()

    def set_defaults(self, obj: Json) -> None:
        """The template's labels are the selector's and the controller's own."""
        super().set_defaults(obj)
        found = mapping(obj, "spec", "template", "metadata", "labels")
        if found and not mapping(obj, "spec", "selector"):
            obj["spec"]["selector"] = dict(found)
        if found and not look(obj, "metadata", "labels"):
            member(obj, "metadata")["labels"] = dict(found)

    def problems(self, obj: Json) -> Problems:
        """The selector selects the template's pods."""
        yield from check_count(obj, "spec", "replicas")
        yield from check_count(obj, "spec", "minReadySeconds")
        selector = mapping(obj, "spec", "selector")
        yield from check_labels(("spec", "selector"), selector)
        if selector:
            yield from check_labels_selected(obj, {"matchLabels": selector})
        else:
            yield required(("spec", "selector"), "labels of the template's pods")
        yield from check_template(obj, "spec", "template")

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By the number of replicas that there are."""
        return {"status.replicas": str(look(obj, "status", "replicas", default=0))}


RESOURCE = derive(
    core_v1.ReplicationController,
    short_names=("rc",),
    categories=("all",),
    columns=(
        NAME,
        number("Desired", "spec", "replicas"),
        number("Current", "status", "replicas"),
        number("Ready", "status", "readyReplicas"),
        AGE,
        *template_columns("spec", "template"),
        computed("Selector", lambda obj: labels(mapping(obj, "spec", "selector")), priority=WIDE),
    ),
    strategy=ReplicationControllerStrategy(),
)
