# SPDX-License-Identifier: Apache-2.0
"""A pod's conditions, each with the reason and the names that people look for; pure.

A condition keeps the time of its last transition as long as its status stays; conditions that others set (readiness
gates, DisruptionTarget) are kept as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lightkube.models import core_v1

from agent.pod.container_status import has_initialized
from agent.pod.model import RESIZE
from agent.pod.situation import Situation
from agent.pod.times import of_seconds

READY = "Ready"
OURS = ("PodReadyToStartContainers", "Initialized", READY, "ContainersReady", "PodScheduled")
PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
OWN = (*OURS, PENDING, IN_PROGRESS)
_ENDED = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether a condition holds, and if not, why."""

    holds: bool
    reason: str = ""
    message: str = ""


def conditions_of(
    pod: core_v1.Pod,
    phase: str,
    inits: Sequence[core_v1.ContainerStatus],
    apps: Sequence[core_v1.ContainerStatus],
    situation: Situation,
) -> list[core_v1.PodCondition]:
    """All conditions: ours in a fixed order, then everybody else's."""
    spec = pod.spec
    if spec is None:
        raise ValueError("a pod needs a spec")
    initialized = _initialized(spec, phase, inits)
    containers = _containers_ready(phase, [*_sidecars(spec, inits), *apps], initialized)
    truths = (
        _ready_to_start(phase, situation),
        initialized,
        _ready(spec, containers, situation),
        containers,
        Truth(holds=True),
    )
    generation = pod.metadata.generation if pod.metadata else None
    ours = [_condition(kind, truth, situation, generation) for kind, truth in zip(OURS, truths, strict=True)]
    return [*ours, *_resizing(situation, generation), *_of_others(situation)]


def _ready_to_start(phase: str, situation: Situation) -> Truth:
    failure = situation.failures.get("")
    if situation.observed.ips and phase not in _ENDED:
        return Truth(holds=True)
    return (
        Truth(holds=False, reason=failure.reason, message=failure.message) if failure else Truth(holds=False)
    )


def _initialized(spec: core_v1.PodSpec, phase: str, inits: Sequence[core_v1.ContainerStatus]) -> Truth:
    pairs = zip(spec.initContainers or (), inits, strict=True)
    missing = [status.name for container, status in pairs if not has_initialized(container, status)]
    if phase == "Succeeded":
        return Truth(holds=True, reason=_ENDED[phase])
    if missing:
        text = f"containers with incomplete status: [{' '.join(missing)}]"
        return Truth(holds=False, reason="ContainersNotInitialized", message=text)
    return Truth(holds=True)


def _sidecars(
    spec: core_v1.PodSpec, inits: Sequence[core_v1.ContainerStatus]
) -> list[core_v1.ContainerStatus]:
    pairs = zip(spec.initContainers or (), inits, strict=True)
    return [status for container, status in pairs if container.restartPolicy == "Always"]


def _containers_ready(phase: str, statuses: Sequence[core_v1.ContainerStatus], initialized: Truth) -> Truth:
    if phase in _ENDED:
        return Truth(holds=False, reason=_ENDED[phase])
    unready = [status.name for status in statuses if not status.ready]
    if unready or not initialized.holds:
        text = f"containers with unready status: [{' '.join(unready)}]"
        return Truth(holds=False, reason="ContainersNotReady", message=text)
    return Truth(holds=True)


def _ready(spec: core_v1.PodSpec, containers: Truth, situation: Situation) -> Truth:
    if not containers.holds:
        return containers
    problems = list(_closed_gates(spec, situation))
    if problems:
        return Truth(holds=False, reason="ReadinessGatesNotReady", message=", ".join(problems))
    return Truth(holds=True)


def _closed_gates(spec: core_v1.PodSpec, situation: Situation) -> Iterator[str]:
    told = {condition.type: condition.status for condition in situation.previous.conditions or ()}
    for gate in spec.readinessGates or ():
        status = told.get(gate.conditionType)
        if status is None:
            yield f'corresponding condition of pod readiness gate "{gate.conditionType}" does not exist.'
        elif status != "True":
            yield f'the status of pod readiness gate "{gate.conditionType}" is not "True", but {status}'


def _resizing(situation: Situation, generation: int | None) -> Iterator[core_v1.PodCondition]:
    """Only while a resize is ahead: pending for ever, or under way and perhaps in trouble."""
    resize, failure = situation.resize, situation.failures.get(RESIZE)
    if resize.infeasible:
        truth = Truth(holds=True, reason="Infeasible", message=resize.infeasible)
        yield _condition(PENDING, truth, situation, generation)
    elif resize.names:
        words = {"reason": "Error", "message": failure.message} if failure else {}
        yield _condition(IN_PROGRESS, Truth(holds=True, **words), situation, generation)


def _condition(kind: str, truth: Truth, situation: Situation, generation: int | None) -> core_v1.PodCondition:
    told = next((one for one in situation.previous.conditions or () if one.type == kind), None)
    status = str(truth.holds)
    since = told.lastTransitionTime if told and told.status == status else None
    return core_v1.PodCondition(
        type=kind,
        status=status,
        reason=truth.reason or None,
        message=truth.message or None,
        lastTransitionTime=since or of_seconds(situation.now),
        observedGeneration=generation,
    )


def _of_others(situation: Situation) -> list[core_v1.PodCondition]:
    return [one for one in situation.previous.conditions or () if one.type not in OWN]
