# SPDX-License-Identifier: Apache-2.0
"""Job."""

from lightkube.resources import batch_v1

from controlplane.registry.batch.job_strategy import JobStrategy
from controlplane.registry.columns import AGE, NAME, computed, selector_column, template_columns
from controlplane.registry.data import Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.humanize import duration, moment_of, now

# The first of these conditions that is true is what is shown; deletion comes after the first two.
_FINISHED = ("Complete", "Failed")
_OTHERS = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _status(job: Json) -> str:
    true = {c.get("type") for c in items(job, "status", "conditions") if c.get("status") == "True"}
    finished = next((name for name in _FINISHED if name in true), "")
    if not finished and look(job, "metadata", "deletionTimestamp"):
        return "Terminating"
    return finished or next((name for name in _OTHERS if name in true), "Running")


def _completions(job: Json) -> str:
    done = look(job, "status", "succeeded", default=0)
    wanted = look(job, "spec", "completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallelism = look(job, "spec", "parallelism", default=0)
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _duration(job: Json) -> str:
    start = moment_of(look(job, "status", "startTime"))
    end = moment_of(look(job, "status", "completionTime")) or now()
    return duration(end - start) if start else ""


RESOURCE = derive(
    batch_v1.Job,
    categories=("all",),
    columns=(
        NAME,
        computed("Status", _status),
        computed("Completions", _completions),
        computed("Duration", _duration),
        AGE,
        *template_columns("spec", "template"),
        selector_column("spec", "selector"),
    ),
    strategy=JobStrategy(),
)
