# SPDX-License-Identifier: Apache-2.0
"""Says what became of each pod: its status when it changed, and its end when nothing of it is left."""

from agent.pod.manager import PodManager
from agent.pod.report import PodReport, Reporter
from agent.sources.model import PodKey


class Reporting:
    """Turns the manager's hints into reports."""

    def __init__(self, reporter: Reporter, manager: PodManager) -> None:
        self._reporter, self._manager = reporter, manager

    def changed(self, key: PodKey) -> None:
        """Something about this pod was seen."""
        desired, view = self._manager.snapshot.pods.get(key), self._manager.view(key)
        if desired is not None and view.status is not None:
            self._reporter.report(PodReport(desired, view.status, view.is_gone))
