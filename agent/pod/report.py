# SPDX-License-Identifier: Apache-2.0
"""What the pods' workers tell whoever writes statuses down: the API server's writer, or nobody."""

from dataclasses import dataclass
from typing import Protocol

from lightkube.models import core_v1

from agent.sources.model import DesiredPod


@dataclass(frozen=True, slots=True)
class PodReport:
    """The status of a pod as of now.

    is_gone says that nothing of the pod runs or is mounted any more after its deletion was asked for: its object may
    be deleted for good (grace period 0, with the uid as precondition), after `status` was written as its last one.
    """

    desired: DesiredPod
    status: core_v1.PodStatus
    is_gone: bool = False


class Reporter(Protocol):
    """Takes reports. They come at once when a status changes; one that is the same as the last may come again."""

    def report(self, report: PodReport) -> None:
        """Take note and return at once; what is slow is done later."""
