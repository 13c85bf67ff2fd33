# SPDX-License-Identifier: Apache-2.0
"""What workloads share: a pod template, a selector that matches it and stays, and a number of replicas."""

from typing import ClassVar

from controlplane.registry.data import Json, Step, items, look, mapping
from controlplane.registry.meta_checks import check_count, check_selector, selects
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.templates import check_template, set_template_defaults
from kube.problem import Path, invalid, refused, required, unsupported


class WorkloadStrategy(KindStrategy):
    """Deployment, ReplicaSet, StatefulSet and DaemonSet."""

    has_generation = True
    initial_status: ClassVar[Json | None] = {}
    immutable: ClassVar[tuple[tuple[Step, ...], ...]] = (("spec", "selector"),)

    def set_defaults(self, obj: Json) -> None:
        """Those of the tables and of the template."""
        super().set_defaults(obj)
        set_template_defaults(obj, "spec", "template")

    def problems(self, obj: Json) -> Problems:
        """The selector selects the template's pods; the template is one of pods that always restart."""
        yield from check_count(obj, "spec", "replicas")
        yield from check_count(obj, "spec", "minReadySeconds")
        yield from check_count(obj, "spec", "revisionHistoryLimit")
        yield from check_own_selector(obj)
        yield from check_template(obj, "spec", "template")


def check_own_selector(obj: Json) -> Problems:
    """A LabelSelector that is there, selects something, and selects the pods of the own template."""
    selector, path = look(obj, "spec", "selector"), ("spec", "selector")
    if not selector:
        yield required(path, "matchLabels or matchExpressions that select the template's pods")
        return
    problems = list(check_selector(selector, path))
    yield from problems
    if not mapping(selector, "matchLabels") and not items(selector, "matchExpressions"):
        yield refused(path, selector, "empty selector is invalid for a workload")
    elif not problems:
        yield from check_labels_selected(obj, selector)


def check_labels_selected(obj: Json, selector: Json) -> Problems:
    """The template's labels are such that the selector finds its pods."""
    labels = mapping(obj, "spec", "template", "metadata", "labels")
    if not selects(selector, labels):
        path = ("spec", "template", "metadata", "labels")
        yield refused(path, labels, "`selector` does not match template `labels`")


def check_share(value: object, path: Path) -> Problems:
    """A number of pods or a percentage of them; absent is fine."""
    if value is None:
        return
    if isinstance(value, str):
        if not (value.endswith("%") and value[:-1].isdecimal()):
            yield invalid(path, value, "a number, or a percentage such as 25%")
    elif isinstance(value, int) and value < 0:
        yield refused(path, value, "must be greater than or equal to 0")


def is_nothing(value: object) -> bool:
    """Whether a number of pods or a percentage is zero."""
    return value in (0, "0%")


def check_strategy_type(obj: Json, field: str, values: tuple[str, ...]) -> Problems:
    """spec.<field>.type is one of these."""
    kind = look(obj, "spec", field, "type")
    if kind not in values:
        yield unsupported(("spec", field, "type"), kind, values)
