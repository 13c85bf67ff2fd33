# SPDX-License-Identifier: Apache-2.0
"""What to do next for a pod, as a pure function of what is wanted, what the runtime holds, and the clock.

`plan_pod` is called again after every step taken and every change seen, so it never has to remember: half-done work
of an agent that was killed is found in the runtime and finished or undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.cgroup.qos import pod_limits
from agent.pod import labels, render
from agent.pod.model import (
    EnsureCgroup,
    Failure,
    ObservedContainer,
    ObservedPod,
    Operation,
    Plan,
    PullImage,
    RemoveContainer,
    RemovePodFiles,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    Step,
    StopContainer,
    StopSandbox,
    Waiting,
    grace_of,
)
from agent.pod.restart import BackoffSettings, Decision, Verdict, decide, never_ran
from agent.sources.model import DesiredPod
from cri.model import ContainerState, Sandbox, SandboxState


@dataclass(frozen=True, slots=True)
class Context:
    """What a plan depends on besides the pod: the clock, the node, the delays, and what failed lately by target."""

    now: float
    node: render.NodeFacts
    backoff: BackoffSettings
    failures: Mapping[str, Failure]


def plan_pod(desired: DesiredPod | None, observed: ObservedPod, context: Context) -> Plan:
    """The next operations for one pod name; desired None means that nothing of that name should be left."""
    left_over = observed.not_of_uid(desired.uid if desired else None)
    held = context.failures.get("")
    if held and held.retry_at > context.now:
        return Plan(wake_at=held.retry_at)
    if left_over.sandboxes or desired is None:
        return plan_teardown(left_over)
    return _plan_run(desired, observed.of_uid(desired.uid), context)


def plan_teardown(observed: ObservedPod) -> Plan:
    """Stop and remove everything observed: containers by grace period, then network, records, cgroup and logs."""
    stops: Step = tuple(
        _stop(container, grace_of(sandbox))
        for sandbox in observed.sandboxes
        for container in observed.in_sandbox(sandbox.id)
        if container.is_alive
    )
    steps: tuple[Step, ...] = (
        stops,
        tuple(StopSandbox(sandbox.id) for sandbox in observed.sandboxes),
        tuple(RemoveSandbox(sandbox.id) for sandbox in observed.sandboxes),
        tuple({_remove_files(sandbox): None for sandbox in observed.sandboxes}),
    )
    return Plan(tuple(step for step in steps if step))


def is_finished(desired: DesiredPod, observed: ObservedPod, context: Context) -> bool:
    """Whether every container ended for good: the pod is Succeeded or Failed and never runs again."""
    decisions = _decide_all(desired, observed, context)
    return bool(decisions) and all(decision.is_final for decision in decisions.values())


def _plan_run(desired: DesiredPod, observed: ObservedPod, context: Context) -> Plan:
    decisions = _decide_all(desired, observed, context)
    current = observed.sandboxes[0] if observed.sandboxes else None
    if all(decision.is_final for decision in decisions.values()):
        return _plan_finished(observed)
    # A runtime killed between the network's set-up and its note of it holds a sandbox without an address: nobody can
    # find that pod, and the runtime will not look again.
    if current is None or current.state is not SandboxState.READY or not observed.ips:
        return _plan_new_sandbox(desired, observed, decisions, context)
    return _plan_containers(desired, observed, decisions, context, current)


def _decide_all(desired: DesiredPod, observed: ObservedPod, context: Context) -> dict[str, Decision]:
    spec = render.pod_spec(desired)
    policy = spec.restartPolicy or "Always"
    return {
        c.name: decide(observed.latest(c.name), policy, context.now, context.backoff) for c in spec.containers
    }


def _plan_finished(observed: ObservedPod) -> Plan:
    """Nothing runs again: give the network back, keep the records for status and logs."""
    ready = tuple(StopSandbox(s.id) for s in observed.sandboxes if s.state is SandboxState.READY)
    return Plan((ready,) if ready else ())


def _plan_new_sandbox(
    desired: DesiredPod, observed: ObservedPod, decisions: Mapping[str, Decision], context: Context
) -> Plan:
    """End what still runs in dead sandboxes; when nothing does, run the next sandbox with its containers."""
    grace = render.grace_seconds(desired)
    alive = tuple(_stop(container, grace) for container in observed.containers if container.is_alive)
    if alive:
        stops = tuple(StopSandbox(sandbox.id) for sandbox in observed.sandboxes)
        return Plan((alive, stops))
    attempt = max((s.metadata.attempt for s in observed.sandboxes), default=-1) + 1
    sandbox = render.sandbox_config(desired, context.node, attempt)
    prepare: Step = (EnsureCgroup(sandbox.cgroup_parent, pod_limits(desired.pod)),)
    # A dead sandbox still holds its addresses until it is stopped.
    prepare += tuple(StopSandbox(old.id) for old in observed.sandboxes)
    prepare += _without_held(_never_started(desired, observed), context)
    starts, waiting, wake_at = _starts(desired, observed, decisions, context, "")
    run: Step = (RunSandbox(sandbox), *_pulls(desired, starts))
    return Plan((prepare, run, *_one_by_one(starts)), wake_at, waiting)


def _plan_containers(
    desired: DesiredPod,
    observed: ObservedPod,
    decisions: Mapping[str, Decision],
    context: Context,
    current: Sandbox,
) -> Plan:
    starts, waiting, wake_at = _starts(desired, observed, decisions, context, current.id)
    grace = render.grace_seconds(desired)
    # Out of the runtime's sight, or in an older sandbox without the pod's network: not what was asked for.
    lost: Step = tuple(
        _stop(container, grace)
        for container in observed.containers
        if container.status.state is ContainerState.UNKNOWN
        or (container.is_alive and container.sandbox_id != current.id)
    )
    cleaning = _clean_up(desired, observed, current)
    steps = (lost, _without_held(cleaning, context), _pulls(desired, starts), *_one_by_one(starts))
    return Plan(tuple(step for step in steps if step), _earliest(wake_at, cleaning, context), waiting)


def _earliest(wake_at: float | None, operations: Step, context: Context) -> float | None:
    """The time to look again, counting in when failed operations are due once more."""
    failures = [context.failures[o.target] for o in operations if _is_held(o, context)]
    times = [failure.retry_at for failure in failures]
    return min(times if wake_at is None else [*times, wake_at], default=None)


def _starts(
    desired: DesiredPod,
    observed: ObservedPod,
    decisions: Mapping[str, Decision],
    context: Context,
    sandbox_id: str,
) -> tuple[tuple[StartContainer, ...], dict[str, Waiting], float | None]:
    """The containers to start now, why the others wait, and the earliest time at which one of them may start."""
    sandbox = render.sandbox_config(desired, context.node, _attempt(observed, sandbox_id))
    starts, waiting, times = [], {}, []
    for container in render.pod_spec(desired).containers:
        decision, failure = decisions[container.name], context.failures.get(container.name)
        if decision.verdict is Verdict.WAIT:
            waiting[container.name] = _crash_loop(container.name, decision)
            times.append(decision.until)
        elif decision.verdict is Verdict.START and failure and failure.retry_at > context.now:
            waiting[container.name] = Waiting(failure.reason, failure.message)
            times.append(failure.retry_at)
        elif decision.verdict is Verdict.START:
            config = render.container_config(
                desired, container, context.node, decision.attempt, decision.backoff
            )
            starts.append(StartContainer(config, sandbox, sandbox_id))
    return tuple(starts), waiting, min(times, default=None)


def _attempt(observed: ObservedPod, sandbox_id: str) -> int:
    attempts = {s.id: s.metadata.attempt for s in observed.sandboxes}
    return attempts.get(sandbox_id, max(attempts.values(), default=-1) + 1)


def _crash_loop(name: str, decision: Decision) -> Waiting:
    text = f"back-off {decision.backoff:g}s restarting failed container {name} (attempt {decision.attempt})"
    return Waiting("CrashLoopBackOff", text)


def _pulls(desired: DesiredPod, starts: tuple[StartContainer, ...]) -> Step:
    policies = {c.name: c.imagePullPolicy or "IfNotPresent" for c in render.pod_spec(desired).containers}
    return tuple(PullImage(start.config.image, policies[start.target], start.target) for start in starts)


def _one_by_one(starts: tuple[StartContainer, ...]) -> tuple[Step, ...]:
    """Containers start in the order of the spec, as the kubelet starts them."""
    return tuple((start,) for start in starts)


def _clean_up(desired: DesiredPod, observed: ObservedPod, current: Sandbox) -> Step:
    """Dead attempts that nothing refers to any more: all but the newest two of each name, and old sandboxes."""
    names = [container.name for container in render.pod_spec(desired).containers]
    keep = {kept.status.id for name in names for kept in _newest_two(observed, name)}
    dead = tuple(
        _remove(c, c.status.id) for c in observed.containers if c.status.id not in keep and not c.is_alive
    )
    needed = {c.sandbox_id for name in names if (c := observed.latest(name))} | {current.id}
    old: Step = tuple(RemoveSandbox(s.id, s.id) for s in observed.sandboxes if s.id not in needed)
    return (*_never_started(desired, observed), *dead, *old)


def _without_held(operations: Step, context: Context) -> Step:
    return tuple(operation for operation in operations if not _is_held(operation, context))


def _is_held(operation: Operation, context: Context) -> bool:
    """Whether it failed lately and is not to be tried again yet."""
    failure = context.failures.get(operation.target)
    return failure is not None and failure.retry_at > context.now


def _never_started(desired: DesiredPod, observed: ObservedPod) -> tuple[RemoveContainer, ...]:
    """Containers whose process never began: their name has to be free before the attempt is made again."""
    names = (container.name for container in render.pod_spec(desired).containers)
    latest = (observed.latest(name) for name in names)
    return tuple(_remove(c, c.status.name) for c in latest if c and never_ran(c.status))


def _remove(container: ObservedContainer, target: str) -> RemoveContainer:
    status = container.status
    return RemoveContainer(status.id, status.name, target, status.log_path)


def _newest_two(observed: ObservedPod, name: str) -> list[ObservedContainer]:
    """The latest container, and the one before it: its state is lastState, its log is `logs --previous`."""
    named = [c for c in observed.containers if c.status.name == name]
    return sorted(named, key=lambda c: (c.status.attempt, c.status.created_at))[-2:]


def _stop(container: ObservedContainer, grace: int) -> Operation:
    return StopContainer(container.status.id, container.status.name, grace)


def _remove_files(sandbox: Sandbox) -> RemovePodFiles:
    identity = sandbox.metadata
    cgroup = sandbox.annotations.get(labels.CGROUP, "")
    return RemovePodFiles(cgroup, identity.namespace, identity.name, identity.uid)
