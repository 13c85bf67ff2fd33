# SPDX-License-Identifier: Apache-2.0
"""A pod's phase from the states of its containers: the kubelet's rules; pure."""

from collections.abc import Sequence

from lightkube.models import core_v1

from agent.pod.container_status import has_initialized
from agent.pod.role import is_sidecar
from agent.pod.situation import Situation

TERMINAL = ("Succeeded", "Failed")


def phase_of(
    spec: core_v1.PodSpec,
    inits: Sequence[core_v1.ContainerStatus],
    apps: Sequence[core_v1.ContainerStatus],
    situation: Situation,
) -> str:
    """Pending, Running, Succeeded or Failed; a terminal one only when nothing of the pod runs, and then for ever."""
    if situation.previous.phase in TERMINAL:
        return str(situation.previous.phase)
    phase = "Failed" if situation.end else _by_states(spec, inits, apps)
    return "Running" if phase in TERMINAL and situation.is_alive else phase


def _by_states(
    spec: core_v1.PodSpec,
    inits: Sequence[core_v1.ContainerStatus],
    apps: Sequence[core_v1.ContainerStatus],
) -> str:
    policy = spec.restartPolicy or "Always"
    if policy == "Never" and any(
        _has_failed(c, s) for c, s in zip(spec.initContainers or (), inits, strict=True)
    ):
        return "Failed"
    ran = any(_has_run(status) for status in apps)
    initialized = all(has_initialized(c, s) for c, s in zip(spec.initContainers or (), inits, strict=True))
    if not ran and not initialized:
        return "Pending"
    if any(_waits_for_its_first_start(status) for status in apps):
        return "Pending"
    return _of_apps(policy, [status.state or core_v1.ContainerState() for status in apps])


def _of_apps(policy: str, states: Sequence[core_v1.ContainerState]) -> str:
    ended = [state.terminated for state in states if state.terminated]
    if policy == "Always" or len(ended) < len(states):
        return "Running"
    failed = any(state.exitCode != 0 for state in ended)
    if failed and policy == "OnFailure":
        return "Running"
    return "Failed" if failed else "Succeeded"


def _has_failed(container: core_v1.Container, status: core_v1.ContainerStatus) -> bool:
    state = status.state
    return not is_sidecar(container) and bool(state and state.terminated and state.terminated.exitCode != 0)


def _has_run(status: core_v1.ContainerStatus) -> bool:
    state = status.state or core_v1.ContainerState()
    return bool(state.running or state.terminated or (status.lastState and status.lastState.terminated))


def _waits_for_its_first_start(status: core_v1.ContainerStatus) -> bool:
    return bool(status.state and status.state.waiting) and not _has_run(status)
