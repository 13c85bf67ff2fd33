# SPDX-License-Identifier: Apache-2.0
"""CronJob."""

from collections.abc import Mapping
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from lightkube.resources import batch_v1

from controlplane.registry.batch.job_strategy import check_job_spec
from controlplane.registry.columns import (
    AGE,
    NAME,
    computed,
    count,
    elapsed,
    selector_column,
    template_columns,
    text,
)
from controlplane.registry.cron import CronError, parse_schedule
from controlplane.registry.data import Json, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE, UNSET
from controlplane.registry.meta_checks import check_choice, check_count
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.templates import set_template_defaults
from kube.problem import forbidden, invalid, refused, required

# Eleven more characters name each Job, and its Pods carry the name in a label of 63.
_MAX_NAME: Final = 52


class CronJobStrategy(KindStrategy):
    """A schedule, and what becomes of runs that overlap, are late or are past."""

    has_generation = True
    initial_status: ClassVar[Json | None] = {}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }

    def set_defaults(self, obj: Json) -> None:
        """Those of the pod template, too; the job's own come when a Job is made."""
        super().set_defaults(obj)
        set_template_defaults(obj, "spec", "jobTemplate", "spec", "template")

    def problems(self, obj: Json) -> Problems:
        """The schedule and its zone, counts, the job that is made."""
        name = look(obj, "metadata", "name", default="")
        if len(name) > _MAX_NAME:
            yield refused(("metadata", "name"), name, f"must be no more than {_MAX_NAME} characters")
        yield from _schedule(look(obj, "spec", "schedule", default=""))
        yield from _zone(look(obj, "spec", "timeZone"))
        yield from check_choice(obj, ("spec", "concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
        for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
            yield from check_count(obj, "spec", field)
        path = ("spec", "jobTemplate", "spec")
        yield from check_job_spec(mapping(obj, *path), path)
        if look(obj, *path, "manualSelector"):
            yield forbidden((*path, "manualSelector"), "may not be set: the selector is made for each Job")


def _schedule(schedule: str) -> Problems:
    path = ("spec", "schedule")
    if not schedule:
        yield required(path)
        return
    if "TZ" in schedule:
        yield invalid(path, schedule, "a schedule without a zone; use timeZone")
        return
    try:
        parse_schedule(schedule)
    except CronError as error:
        yield refused(path, schedule, f"{error}: must be five fields, or @hourly, @every 1h, ...")


def _zone(zone: str | None) -> Problems:
    if zone is None:
        return
    path = ("spec", "timeZone")
    accepted = "a name of the system's time zone database, such as Europe/Berlin"
    if not zone or zone.lower() == "local":
        yield invalid(path, zone, accepted)
        return
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        yield invalid(path, zone, accepted)


def _suspended(obj: Json) -> str:
    suspend = look(obj, "spec", "suspend")
    return UNSET if suspend is None else str(bool(suspend))


RESOURCE = derive(
    batch_v1.CronJob,
    short_names=("cj",),
    categories=("all",),
    columns=(
        NAME,
        text("Schedule", "spec", "schedule", empty=""),
        text("Timezone", "spec", "timeZone"),
        computed("Suspend", _suspended),
        count("Active", "status", "active", type="integer"),
        elapsed("Last Schedule", "status", "lastScheduleTime", empty=NONE),
        AGE,
        *template_columns("spec", "jobTemplate", "spec", "template"),
        selector_column("spec", "jobTemplate", "spec", "selector"),
    ),
    strategy=CronJobStrategy(),
)
