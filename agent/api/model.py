# SPDX-License-Identifier: Apache-2.0
"""What the rest of the agent tells the API server's side."""

from typing import Protocol

from lightkube.models import core_v1

from agent.sources.model import DesiredPod, Snapshot


class Reports(Protocol):
    """Where news of pods go. Nothing waits, nothing raises; what cannot be written now is written later.

    Pods of the folder are told in the same way: their news go to their mirror pods.
    """

    def report(self, desired: DesiredPod, status: core_v1.PodStatus) -> None:
        """How the pod is now. Written only when the API server has something else.

        Conditions may leave lastTransitionTime out, and the status may leave startTime out: what the API server has is
        kept, and otherwise it is now. Conditions that others wrote stay.
        """
        ...

    def finish(self, desired: DesiredPod, status: core_v1.PodStatus) -> None:
        """The pod was to be deleted, and everything of it is gone: write its last status, then delete its object."""
        ...

    def follow_folder(self, folder: Snapshot) -> None:
        """The static pods: each gets a mirror pod, and the mirror of one that is gone goes."""
        ...


class NoReports:
    """Reports of a node that has no API server."""

    def report(self, desired: DesiredPod, status: core_v1.PodStatus) -> None:
        """Tell nobody."""

    def finish(self, desired: DesiredPod, status: core_v1.PodStatus) -> None:
        """Tell nobody."""

    def follow_folder(self, folder: Snapshot) -> None:
        """Make nothing."""
