# SPDX-License-Identifier: Apache-2.0
"""What to say of a pod: a PodStatus of the Kubernetes API from what is wanted and what is there, pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lightkube.models import core_v1

from agent.cgroup.qos import qos_class
from agent.pod.model import Failure, ObservedContainer, ObservedPod, Waiting
from agent.pod.render import pod_spec
from agent.sources.model import DesiredPod
from cri.model import ContainerState, ContainerStatus

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Situation:
    """What the status is made from; node_address is the node's own."""

    observed: ObservedPod
    waiting: Mapping[str, Waiting]
    failures: Mapping[str, Failure]
    node_address: str


def pod_status(desired: DesiredPod, situation: Situation) -> core_v1.PodStatus:
    """The status of a pod that should run."""
    spec = pod_spec(desired)
    statuses = [_container_status(container, situation) for container in spec.containers]
    phase = _phase(statuses, spec.restartPolicy or "Always")
    ips = situation.observed.ips
    pod_failure = situation.failures.get("")
    return core_v1.PodStatus(
        phase=phase,
        conditions=_conditions(statuses, situation.observed),
        containerStatuses=statuses,
        hostIP=situation.node_address or None,
        podIP=ips[0] if ips else None,
        podIPs=[core_v1.PodIP(ip) for ip in ips] or None,
        qosClass=qos_class(desired.pod).value,
        reason=pod_failure.reason if pod_failure else None,
        message=pod_failure.message if pod_failure else None,
        startTime=_time(min((s.created_at for s in situation.observed.sandboxes), default=0)),
    )


def _phase(statuses: list[core_v1.ContainerStatus], restart_policy: str) -> str:
    states = [status.state or core_v1.ContainerState() for status in statuses]
    if any(state.running for state in states):
        return "Running"
    ended = [state.terminated for state in states if state.terminated]
    if restart_policy == "Always" or len(ended) < len(states):
        return (
            "Running"
            if any(status.restartCount or s.terminated for status, s in _pairs(statuses))
            else "Pending"
        )
    failed = any(state.exitCode != 0 for state in ended)
    if restart_policy == "OnFailure" and failed:
        return "Running"
    return "Failed" if failed else "Succeeded"


def _pairs(
    statuses: list[core_v1.ContainerStatus],
) -> list[tuple[core_v1.ContainerStatus, core_v1.ContainerState]]:
    return [(status, status.state or core_v1.ContainerState()) for status in statuses]


def _container_status(container: core_v1.Container, situation: Situation) -> core_v1.ContainerStatus:
    latest = situation.observed.latest(container.name)
    running = latest is not None and latest.status.state is ContainerState.RUNNING
    return core_v1.ContainerStatus(
        name=container.name,
        image=container.image or "",
        imageID=latest.status.image_ref if latest else "",
        containerID=f"containerd://{latest.status.id}" if latest else None,
        ready=running,
        started=running,
        restartCount=latest.status.attempt if latest else 0,
        state=_state(container.name, latest, situation),
        lastState=_last_state(container.name, latest, situation),
    )


def _state(name: str, latest: ObservedContainer | None, situation: Situation) -> core_v1.ContainerState:
    waiting = _waiting(name, situation)
    if latest is not None and latest.status.state is ContainerState.RUNNING:
        running = core_v1.ContainerStateRunning(startedAt=_time(latest.status.started_at))
        return core_v1.ContainerState(running=running)
    if waiting is None and latest is not None and latest.status.state is ContainerState.EXITED:
        return core_v1.ContainerState(terminated=_terminated(latest.status))
    reason = waiting or Waiting("ContainerCreating")
    return core_v1.ContainerState(
        waiting=core_v1.ContainerStateWaiting(reason=reason.reason, message=reason.message or None)
    )


def _waiting(name: str, situation: Situation) -> Waiting | None:
    if name in situation.waiting:
        return situation.waiting[name]
    failure = situation.failures.get(name)
    return Waiting(failure.reason, failure.message) if failure else None


def _last_state(
    name: str, latest: ObservedContainer | None, situation: Situation
) -> core_v1.ContainerState | None:
    """How the attempt before ended; while a container waits to restart, that is the newest one itself."""
    exited = [
        c.status
        for c in situation.observed.containers
        if c.status.name == name and c.status.state is ContainerState.EXITED
    ]
    if latest is not None and _waiting(name, situation) is None:
        exited = [status for status in exited if status.id != latest.status.id]
    last = max(exited, key=lambda status: status.attempt, default=None)
    return core_v1.ContainerState(terminated=_terminated(last)) if last else None


def _terminated(status: ContainerStatus) -> core_v1.ContainerStateTerminated:
    reason = status.reason or ("Completed" if status.exit_code == 0 else "Error")
    return core_v1.ContainerStateTerminated(
        exitCode=status.exit_code,
        reason=reason,
        message=status.message or None,
        startedAt=_time(status.started_at),
        finishedAt=_time(status.finished_at),
        containerID=f"containerd://{status.id}",
    )


def _conditions(statuses: list[core_v1.ContainerStatus], observed: ObservedPod) -> list[core_v1.PodCondition]:
    ready = bool(statuses) and all(status.ready for status in statuses)
    truths = {
        "PodReadyToStartContainers": bool(observed.ips),
        "Initialized": True,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": True,
    }
    return [core_v1.PodCondition(type=kind, status=str(truth)) for kind, truth in truths.items()]


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / NANOSECONDS, UTC) if nanoseconds else None
