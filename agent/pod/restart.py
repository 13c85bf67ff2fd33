# SPDX-License-Identifier: Apache-2.0
"""Whether a container runs, is finished, starts now, or has to wait: restartPolicy and CrashLoopBackOff, pure.

The numbers are the kubelet's: the first restart is immediate, then 10 s doubling to 5 minutes; a container that ran
for 10 minutes starts afresh. The delay that follows a container's end is written on the container itself (an
annotation), so that neither a restart of the agent nor a lost cache forgets it.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.pod import labels
from agent.pod.model import ObservedContainer
from cri.model import ContainerState, ContainerStatus

NANOSECONDS = 1_000_000_000
# What containerd (1.6 to 2.1) says of a start whose client died; the second is the shim that it started for it.
_BROKEN_OFF = ("context canceled", "signal: killed")


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """The restart delays of CrashLoopBackOff, in seconds."""

    initial: float = 10
    maximum: float = 300
    reset_after: float = 600


class Verdict(StrEnum):
    """What is to be done about one container of the spec."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    START = "start"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict; for START the attempt and the delay (s) that its own end will be followed by; for WAIT until when."""

    verdict: Verdict
    attempt: int = 0
    backoff: float = 0
    until: float = 0

    @property
    def is_final(self) -> bool:
        """Whether this container will never run again."""
        return self.verdict in (Verdict.SUCCEEDED, Verdict.FAILED)


def decide(
    latest: ObservedContainer | None, restart_policy: str, now: float, settings: BackoffSettings
) -> Decision:
    """What to do about a container, given the newest one of its name (None: it was never created)."""
    if latest is None:
        return Decision(Verdict.START)
    status = latest.status
    if latest.is_alive:
        return Decision(Verdict.RUNNING)
    if never_ran(status):
        return Decision(Verdict.START, status.attempt, _delay_of(status))
    if not restarts(restart_policy, status.exit_code):
        return Decision(Verdict.SUCCEEDED if status.exit_code == 0 else Verdict.FAILED)
    return _restart(status, now, settings)


def never_ran(status: ContainerStatus) -> bool:
    """Whether an agent or a runtime died before the attempt ran: then the same attempt is made again.

    containerd breaks a start off when its client dies, and notes that as an end with exit code 128: "failed to create
    containerd task: ...: context canceled", or "failed to start shim: ... signal: killed" of the shim. What it broke
    off as late as "failed to start" may have run for some milliseconds before containerd killed it; no pod shall fail
    because its agent died, so that counts as well.
    """
    if status.state is ContainerState.CREATED:
        return True
    broken_off = status.state is ContainerState.EXITED and not status.started_at
    return broken_off and any(words in status.message for words in _BROKEN_OFF)


def restarts(restart_policy: str, exit_code: int) -> bool:
    """Whether a container that ended with this code is started again."""
    return restart_policy == "Always" or (restart_policy == "OnFailure" and exit_code != 0)


def _restart(status: ContainerStatus, now: float, settings: BackoffSettings) -> Decision:
    finished = status.finished_at / NANOSECONDS
    ran = (status.finished_at - status.started_at) / NANOSECONDS if status.started_at else 0
    delay = 0.0 if ran >= settings.reset_after else _delay_of(status)
    if now < finished + delay:
        return Decision(Verdict.WAIT, status.attempt, delay, finished + delay)
    following = min(delay * 2, settings.maximum) if delay else settings.initial
    return Decision(Verdict.START, status.attempt + 1, following)


def _delay_of(status: ContainerStatus) -> float:
    try:
        return float(status.annotations.get(labels.BACKOFF_SECONDS, "0"))
    except ValueError:
        return 0.0
