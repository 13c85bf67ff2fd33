# SPDX-License-Identifier: Apache-2.0
"""How writes of a Job are prepared and checked."""

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar, Final

from controlplane.registry.data import EACH, Defaults, Json, look, mapping, member
from controlplane.registry.meta_checks import Problems, check_choice, check_count, within
from controlplane.registry.strategy import KindStrategy
from controlplane.registry.templates import check_template, set_template_defaults
from controlplane.registry.workloads import check_own_selector
from kube.problem import Path, invalid, refused, required

UID_LABEL: Final = "batch.kubernetes.io/controller-uid"
NAME_LABEL: Final = "batch.kubernetes.io/job-name"
_LEGACY_UID_LABEL: Final = "controller-uid"
_LEGACY_NAME_LABEL: Final = "job-name"
_RESTART_POLICIES: Final = ("OnFailure", "Never")
_MAX_INT32: Final = 2**31 - 1
_MAX_INDEXED: Final = 100_000
_COUNTS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
)
# What may still change in the template of a suspended job that has not begun.
_SCHEDULING: Final = ("nodeSelector", "affinity", "tolerations", "schedulingGates")


class JobStrategy(KindStrategy):
    """Pods that end; the server makes the selector from the job's uid, unless it is told otherwise."""

    has_generation = True
    initial_status: ClassVar[Json | None] = {}
    immutable = (
        ("spec", "selector"),
        ("spec", "completionMode"),
        ("spec", "podFailurePolicy"),
        ("spec", "backoffLimitPerIndex"),
        ("spec", "managedBy"),
        ("spec", "successPolicy"),
    )
    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
    }
    defaults: ClassVar[Defaults] = {
        ("spec", "podFailurePolicy", "rules", EACH, "onPodConditions", EACH): {"status": "True"},
    }

    def set_defaults(self, obj: Json) -> None:
        """Numbers that depend on each other; the template's labels are the job's own."""
        super().set_defaults(obj)
        spec = obj["spec"]
        if look(spec, "completions") is None and look(spec, "parallelism") is None:
            spec["completions"] = 1
        if look(spec, "parallelism") is None:
            spec["parallelism"] = 1
        if look(spec, "backoffLimit") is None:
            spec["backoffLimit"] = 6 if look(spec, "backoffLimitPerIndex") is None else _MAX_INT32
        if not spec.get("podReplacementPolicy"):
            spec["podReplacementPolicy"] = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
        _label_as_pods(obj)
        set_template_defaults(obj, "spec", "template")

    def prepare_create(self, obj: Json) -> None:
        """Label the pods with the job's uid and name, and select them by it."""
        super().prepare_create(obj)
        if look(obj, "spec", "manualSelector"):
            return
        uid, name = obj["metadata"].get("uid", ""), obj["metadata"].get("name", "")
        template = member(obj["spec"], "template")
        labels = member(member(template, "metadata"), "labels")
        for key, value in (
            (_LEGACY_NAME_LABEL, name),
            (_LEGACY_UID_LABEL, uid),
            (NAME_LABEL, name),
            (UID_LABEL, uid),
        ):
            labels.setdefault(key, value)
        member(member(obj["spec"], "selector"), "matchLabels").setdefault(UID_LABEL, uid)
        _label_as_pods(obj)

    def problems(self, obj: Json) -> Problems:
        """Counts, the way of counting, the template, and the selector."""
        yield from check_job_spec(mapping(obj, "spec"), ("spec",))
        yield from check_own_selector(obj)

    def changes(self, obj: Json, old: Json) -> Problems:
        """The template stays, and the number of completions unless the job is elastic."""
        spec, before = mapping(obj, "spec"), mapping(old, "spec")
        elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get(
            "parallelism"
        )
        if spec.get("completions") != before.get("completions") and not elastic:
            yield refused(("spec", "completions"), spec.get("completions"), "field is immutable")
        not_begun = bool(before.get("suspend")) and not look(old, "status", "startTime")
        kept = _with_scheduling_of(before, spec) if not_begun else spec.get("template")
        if kept != before.get("template"):
            yield refused(("spec", "template"), spec.get("template"), "field is immutable")

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By the number of pods that succeeded."""
        return {"status.successful": str(look(obj, "status", "succeeded", default=0))}


def _label_as_pods(obj: Json) -> None:
    """A job without labels has those of its pods."""
    labels = mapping(obj, "spec", "template", "metadata", "labels")
    if labels and not look(obj, "metadata", "labels"):
        member(obj, "metadata")["labels"] = dict(labels)


def check_job_spec(spec: Json, path: Path) -> Problems:
    """What is wrong with a JobSpec at path, apart from its selector."""
    for field in _COUNTS:
        yield from within(path, check_count(spec, field))
    yield from within(path, check_choice(spec, ("completionMode",), ("Indexed", "NonIndexed")))
    if spec.get("completionMode") == "Indexed":
        if look(spec, "completions") is None:
            yield required((*path, "completions"), "a number, because completionMode is Indexed")
        if look(spec, "parallelism", default=0) > _MAX_INDEXED:
            yield invalid(
                (*path, "parallelism"), spec["parallelism"], f"at most {_MAX_INDEXED} for an Indexed job"
            )
    yield from within(path, check_choice(spec, ("podReplacementPolicy",), ("Failed", "TerminatingOrFailed")))
    yield from within(path, check_template(spec, "template", restart_policies=_RESTART_POLICIES))


def _with_scheduling_of(before: Json, spec: Json) -> object:
    """The new template, with what decides where pods run put back to what it was."""
    template = deepcopy(spec.get("template"))
    for holder, kept, fields in (
        (mapping(template, "spec"), mapping(before, "template", "spec"), _SCHEDULING),
        (mapping(template, "metadata"), mapping(before, "template", "metadata"), ("annotations", "labels")),
    ):
        for field in fields:
            holder.pop(field, None)
            holder.update({field: kept[field]} if field in kept else {})
    return template
