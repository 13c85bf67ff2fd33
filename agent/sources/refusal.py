# SPDX-License-Identifier: Apache-2.0
"""Why a pod of the API server cannot run here, by the table of supported fields (pure)."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.model import Refusal
from agent.sources.support import check_support

REASON: Final = "UnsupportedField"

# Fields that make no sense in a file and that the API server or controllers answer for.
_OF_THE_API: Final = frozenset(
    {"metadata.finalizers", "metadata.ownerReferences", "metadata.generateName", "spec.nodeSelector"}
)
# Fields that the scheduler has looked at before the pod came here.
_OF_THE_SCHEDULER: Final = frozenset({"spec.schedulerName", "spec.schedulingGates", "spec.preemptionPolicy"})


def refusal_of(pod: core_v1.Pod) -> Refusal | None:
    """The fields that this node does not honour, all at once; None when there are none."""
    problems = [
        problem
        for problem in check_support(pod)
        if problem.field not in _OF_THE_API and problem.field not in _OF_THE_SCHEDULER
    ]
    if not problems:
        return None
    return Refusal(REASON, "; ".join(str(problem) for problem in problems))
