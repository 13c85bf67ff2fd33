# SPDX-License-Identifier: Apache-2.0
"""Says what became of each pod: its status when it changed, and its end when nothing of it is left."""

import time

from lightkube.models import core_v1

from agent.pod.manager import PodManager
from agent.pod.report import PodReport, Reporter
from agent.pod.status import Situation, pod_status
from agent.sources.model import DesiredPod, PodKey


class Reporting:
    """Turns the manager's hints into reports."""

    def __init__(self, reporter: Reporter, manager: PodManager, address: str) -> None:
        """address: the node's own, which statuses name."""
        self._reporter, self._manager, self._address = reporter, manager, address

    def changed(self, key: PodKey) -> None:
        """Something about this pod was seen, or its worker has ended."""
        desired = self._manager.snapshot.pods.get(key)
        if desired is None:
            return
        status = self._status(desired)
        is_gone = desired.deletion is not None and not self._manager.is_at_work(key)
        if is_gone or not desired.deletion:
            self._reporter.report(PodReport(desired, status, is_gone))

    def _status(self, desired: DesiredPod) -> core_v1.PodStatus:
        view = self._manager.view(desired.key)
        observed = view.observed.of_uid(desired.uid)
        situation = Situation(
            observed,
            view.waiting,
            view.failures,
            (self._address,) if self._address else (),
            time.time(),
            previous=desired.pod.status or core_v1.PodStatus(),
        )
        return pod_status(desired, situation)
