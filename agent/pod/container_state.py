# SPDX-License-Identifier: Apache-2.0
"""The state of one container, and the one before: running, terminated with a reason, or waiting with a reason; pure.

The reasons are those that people search for: Completed, Error, OOMKilled, StartError, ContainerCannotRun come from the
runtime; CrashLoopBackOff, ErrImagePull, CreateContainerConfigError... from the worker; the rest from here.
"""

from dataclasses import dataclass

from lightkube.models import core_v1

from agent.pod.model import ObservedContainer, Waiting
from agent.pod.restart import never_ran
from agent.pod.situation import Situation
from agent.pod.times import of_nanoseconds
from cri.model import ContainerState, ContainerStatus

CREATING = "ContainerCreating"
INITIALIZING = "PodInitializing"
LOST = "ContainerStatusUnknown"
LOST_EXIT_CODE = 137
"""What the kubelet says for a container whose end nobody saw: as if it was killed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of one container of the spec; creating is the reason while nothing keeps it from being made."""

    name: str
    latest: ObservedContainer | None
    earlier: ContainerStatus | None
    told: core_v1.ContainerStatus | None
    creating: str = CREATING

    @property
    def status(self) -> ContainerStatus | None:
        """The newest attempt's, None before the first and for one that was made and never ran: it is made again."""
        if self.latest is None or never_ran(self.latest.status):
            return None
        return self.latest.status

    @property
    def is_running(self) -> bool:
        """Whether its process runs, as far as the runtime knows."""
        return self.status is not None and self.status.state is ContainerState.RUNNING


def see(name: str, situation: Situation, told: core_v1.ContainerStatus | None, creating: str) -> Seen:
    """Look for a container by its name; told is its last status that anybody was told."""
    latest = situation.observed.latest(name)
    before = [
        c.status
        for c in situation.observed.containers
        if c.status.name == name and c.status.state is ContainerState.EXITED and c is not latest
    ]
    return Seen(name, latest, max(before, key=lambda s: s.attempt, default=None), told, creating)


def state_of(seen: Seen, situation: Situation) -> core_v1.ContainerState:
    """What it does now."""
    status = seen.status
    if status is not None and seen.is_running:
        running = core_v1.ContainerStateRunning(startedAt=of_nanoseconds(status.started_at))
        return core_v1.ContainerState(running=running)
    if waiting := _waiting(seen.name, situation):
        return _wait(waiting)
    if status is not None:
        return core_v1.ContainerState(terminated=terminated(status, situation))
    if seen.latest is None and (ended := _told_end(seen)):
        return core_v1.ContainerState(terminated=ended)
    return _wait(Waiting(seen.creating, _pod_failure(situation)))


def last_state_of(seen: Seen, situation: Situation) -> core_v1.ContainerState | None:
    """How the attempt before ended; while a container waits to be started again, that is its newest one."""
    status = seen.status
    if status is not None and not seen.is_running and _waiting(seen.name, situation):
        return core_v1.ContainerState(terminated=terminated(status, situation))
    if seen.earlier is not None:
        return core_v1.ContainerState(terminated=terminated(seen.earlier, situation))
    if seen.latest is None and _was_running(seen.told):
        return core_v1.ContainerState(terminated=_lost(seen.told))
    return seen.told.lastState if seen.told else None


def terminated(status: ContainerStatus, situation: Situation) -> core_v1.ContainerStateTerminated:
    """An end, in the API's words."""
    if status.state is ContainerState.UNKNOWN:
        text = "the runtime lost track of the container"
        return core_v1.ContainerStateTerminated(exitCode=LOST_EXIT_CODE, reason=LOST, message=text)
    reason = status.reason or ("Completed" if status.exit_code == 0 else "Error")
    return core_v1.ContainerStateTerminated(
        exitCode=status.exit_code,
        reason=reason,
        message=situation.messages.get(status.id) or status.message or None,
        startedAt=of_nanoseconds(status.started_at),
        finishedAt=of_nanoseconds(status.finished_at),
        containerID=container_id(status),
    )


def container_id(status: ContainerStatus) -> str:
    """With the runtime's name in front, as the API has it."""
    return f"containerd://{status.id}"


def _waiting(name: str, situation: Situation) -> Waiting | None:
    if name in situation.waiting:
        return situation.waiting[name]
    failure = situation.failures.get(name)
    return Waiting(failure.reason, failure.message) if failure else None


def _wait(waiting: Waiting) -> core_v1.ContainerState:
    detail = core_v1.ContainerStateWaiting(reason=waiting.reason, message=waiting.message or None)
    return core_v1.ContainerState(waiting=detail)


def _pod_failure(situation: Situation) -> str:
    """What keeps the whole pod from starting: told where people look first."""
    failure = situation.failures.get("")
    return failure.message if failure else ""


def _told_end(seen: Seen) -> core_v1.ContainerStateTerminated | None:
    """An end that was told before the runtime forgot the container."""
    state = seen.told.state if seen.told else None
    return state.terminated if state else None


def _was_running(told: core_v1.ContainerStatus | None) -> bool:
    return bool(told and told.state and told.state.running)


def _lost(told: core_v1.ContainerStatus | None) -> core_v1.ContainerStateTerminated:
    text = (
        "the container was running when the node was last heard of, and the runtime does not know it any more"
    )
    return core_v1.ContainerStateTerminated(
        exitCode=LOST_EXIT_CODE,
        reason=LOST,
        message=text,
        containerID=told.containerID if told else None,
    )
