# SPDX-License-Identifier: Apache-2.0
"""What kubectl get pods shows of a pod: how many are ready, one word for how it is, restarts and the last one's age.

The order of the rules is that of kubernetes pkg/printers/internalversion (printPod), which users know by heart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controlplane.registry.data import Json, items, look
from controlplane.registry.humanize import NONE, age, moment_of

_TERMINAL: Final = ("Succeeded", "Failed")


@dataclass(slots=True)
class _Restarts:
    """A number of restarts, and when the container that restarted last had ended."""

    count: int = 0
    last: str = ""
    _moment: datetime | None = None

    def add(self, status: Json) -> None:
        self.count += look(status, "restartCount", default=0)
        ended = look(status, "lastState", "terminated", "finishedAt")
        moment = moment_of(ended)
        if moment and (self._moment is None or moment > self._moment):
            self.last, self._moment = ended, moment


@dataclass(frozen=True, slots=True)
class PodSummary:
    """The cells of a pod: "1/2", "CrashLoopBackOff", "3 (20s ago)"."""

    ready: str
    status: str
    restarts: str


@dataclass(slots=True)
class _Initialization:
    """What the init containers tell: how far they are ("" once they are through), and those that go on beside."""

    reason: str
    restarts: _Restarts
    sidecar_restarts: _Restarts
    ready_sidecars: int


def summarize(pod: Json) -> PodSummary:
    """The three cells at once."""
    sidecars = {
        c.get("name") for c in items(pod, "spec", "initContainers") if c.get("restartPolicy") == "Always"
    }
    initialization = _initialize(pod, sidecars)
    restarts, ready = initialization.restarts, initialization.ready_sidecars
    reason = initialization.reason or _phase(pod)
    if not initialization.reason or _has(pod, "Initialized"):
        restarts = initialization.sidecar_restarts
        reason, running = _run(pod, reason, restarts)
        ready += running
    total = len(items(pod, "spec", "containers")) + len(sidecars)
    return PodSummary(f"{ready}/{total}", _ending(pod) or reason, _restarts_text(restarts))


def readiness_gates(pod: Json) -> str:
    """How many of the conditions that the pod's owner asks for are true: "1/2"."""
    gates = [gate.get("conditionType") for gate in items(pod, "spec", "readinessGates")]
    return f"{sum(_has(pod, gate) for gate in gates)}/{len(gates)}" if gates else NONE


def _phase(pod: Json) -> str:
    """The reason that the pod as a whole gives, else its phase."""
    gated = any(
        c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated"
        for c in items(pod, "status", "conditions")
    )
    found: str = look(pod, "status", "reason", default="") or look(pod, "status", "phase", default="")
    return "SchedulingGated" if gated else found


def _has(pod: Json, condition: str) -> bool:
    conditions = items(pod, "status", "conditions")
    return any(c.get("type") == condition and c.get("status") == "True" for c in conditions)


def _initialize(pod: Json, sidecars: set[str | None]) -> _Initialization:
    """Look at init containers in order, up to the first that is not through."""
    found = _Initialization("", _Restarts(), _Restarts(), 0)
    for index, status in enumerate(items(pod, "status", "initContainerStatuses")):
        is_sidecar = status.get("name") in sidecars
        found.restarts.add(status)
        if is_sidecar:
            found.sidecar_restarts.add(status)
        if look(status, "state", "terminated", "exitCode", default=-1) == 0:
            continue
        if is_sidecar and status.get("started"):
            found.ready_sidecars += bool(status.get("ready"))
            continue
        found.reason = _init_reason(pod, status, index)
        break
    return found


def _init_reason(pod: Json, status: Json, index: int) -> str:
    terminated = look(status, "state", "terminated")
    if terminated is not None:
        return f"Init:{_end(terminated)}"
    waiting = look(status, "state", "waiting", "reason", default="")
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{index}/{len(items(pod, 'spec', 'initContainers'))}"


def _run(pod: Json, reason: str, restarts: _Restarts) -> tuple[str, int]:
    """The reason that containers give, the first one's before the others', and how many of them are ready."""
    ready = 0
    for status in reversed(items(pod, "status", "containerStatuses")):
        restarts.add(status)
        told = next(_told(status), "")
        if told:
            reason = told
        elif status.get("ready") and look(status, "state", "running") is not None:
            ready += 1
    if reason == "Completed" and ready:
        reason = "Running" if _has(pod, "Ready") else "NotReady"
    return reason, ready


def _told(status: Json) -> Iterator[str]:
    """Why a container does not run, if it does not."""
    waiting = look(status, "state", "waiting", "reason", default="")
    if waiting:
        yield waiting
    terminated = look(status, "state", "terminated")
    if terminated is not None:
        yield _end(terminated)


def _end(terminated: Json) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _ending(pod: Json) -> str:
    """What is said of a pod that is being deleted, whatever its containers do."""
    if not look(pod, "metadata", "deletionTimestamp"):
        return ""
    if look(pod, "status", "reason") == "NodeLost":
        return "Unknown"
    return "" if look(pod, "status", "phase") in _TERMINAL else "Terminating"


def _restarts_text(restarts: _Restarts) -> str:
    if restarts.count and restarts.last:
        return f"{restarts.count} ({age(restarts.last)} ago)"
    return str(restarts.count)
