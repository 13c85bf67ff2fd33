# SPDX-License-Identifier: Apache-2.0
"""The way of a pod that should run: a sandbox with volumes and images, then the containers that are due; pure.

What belongs to one step is done side by side: the sandbox is made while volumes are mounted and images pulled.
"""

from collections.abc import Iterable, Iterator

from agent.cgroup.qos import pod_limits
from agent.pod import render
from agent.pod.context import Context
from agent.pod.deadline import deadline_of
from agent.pod.decisions import Progress, progress_of
from agent.pod.members import Member, is_outdated, of_roles
from agent.pod.model import (
    REFRESH,
    RESIZE,
    EnsureCgroup,
    ObservedContainer,
    ObservedPod,
    Operation,
    Plan,
    PrepareVolumes,
    PullImage,
    RefreshVolumes,
    RemoveContainer,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    Step,
    StopSandbox,
    Waiting,
)
from agent.pod.restart import Decision, Verdict, never_ran
from agent.pod.role import Role
from agent.pod.stops import stop_all, stop_one
from agent.sources.model import DesiredPod
from agent.volume.sources import used_volumes
from cri.model import ContainerState
from kube.images import pull_policy


def plan_run(desired: DesiredPod, observed: ObservedPod, context: Context) -> Plan:
    """The next operations for a pod of which something should run."""
    progress = progress_of(desired, observed, context)
    starts = _starts(desired, observed, progress, context)
    steps = (
        _in_sandbox(desired, observed, progress, starts, context)
        if progress.sandbox
        else _new_sandbox(desired, observed, progress, starts, context)
    )
    wake_at = min(_times(desired, observed, progress, steps, context), default=None)
    return Plan(tuple(step for step in steps if step), wake_at, _waiting(progress, context))


def _new_sandbox(
    desired: DesiredPod,
    observed: ObservedPod,
    progress: Progress,
    starts: tuple[StartContainer, ...],
    context: Context,
) -> tuple[Step, ...]:
    """End what still runs in dead sandboxes; when nothing does, run the next sandbox with its first containers."""
    if alive := stop_all(observed, context.now + render.grace_seconds(desired), context.now):
        return (*alive, tuple(StopSandbox(sandbox.id) for sandbox in observed.sandboxes))
    attempt = max((s.metadata.attempt for s in observed.sandboxes), default=-1) + 1
    sandbox = render.sandbox_config(desired, context.node, attempt)
    prepare: Step = (
        EnsureCgroup(sandbox.cgroup_parent, pod_limits(desired.pod)),
        # A dead sandbox still holds its addresses until it is stopped.
        *(StopSandbox(old.id) for old in observed.sandboxes),
        *_free(_never_started(progress, observed), context),
    )
    run: Step = (RunSandbox(sandbox), *_volumes(desired), *_pulls(desired, starts))
    return (prepare, run, *((start,) for start in starts))


def _in_sandbox(
    desired: DesiredPod,
    observed: ObservedPod,
    progress: Progress,
    starts: tuple[StartContainer, ...],
    context: Context,
) -> tuple[Step, ...]:
    lost = tuple(_lost(desired, observed, progress.sandbox, context))
    unhealthy = tuple(_unhealthy(desired, observed, progress, context))
    outdated = tuple(_outdated(desired, observed, progress, context))
    cleaning = _free(_clean_up(progress, observed), context)
    refresh: Step = (RefreshVolumes(),) if context.refresh and not context.is_held(REFRESH) else ()
    # Volumes that are there already cost a look; one that was left half-made is finished.
    prepare: Step = (*_volumes(desired), *_pulls(desired, starts)) if starts else refresh
    resizes = () if context.is_held(RESIZE) else context.resize.steps
    return ((*lost, *unhealthy, *outdated), cleaning, *resizes, prepare, *((start,) for start in starts))


def _starts(
    desired: DesiredPod, observed: ObservedPod, progress: Progress, context: Context
) -> tuple[StartContainer, ...]:
    """The containers to start now, in order."""
    sandbox_id = progress.sandbox
    sandbox = render.sandbox_config(desired, context.node, _attempt(observed, sandbox_id))
    ready = [member for member in progress.due if _may_start(member, progress, context)]
    return tuple(
        StartContainer(
            member.container,
            sandbox,
            sandbox_id,
            progress.decisions[member.name].attempt,
            progress.decisions[member.name].backoff,
            member.role,
            member.index,
        )
        for member in ready
    )


def _may_start(member: Member, progress: Progress, context: Context) -> bool:
    return progress.decisions[member.name].verdict is Verdict.START and not context.is_held(member.name)


def _attempt(observed: ObservedPod, sandbox_id: str) -> int:
    attempts = {s.id: s.metadata.attempt for s in observed.sandboxes}
    return attempts.get(sandbox_id, max(attempts.values(), default=-1) + 1)


def _waiting(progress: Progress, context: Context) -> dict[str, Waiting]:
    """Why those that are due do not run."""
    waiting = {}
    for member in progress.due:
        decision, failure = progress.decisions[member.name], context.failures.get(member.name)
        if decision.verdict is Verdict.WAIT:
            waiting[member.name] = _crash_loop(member.name, decision)
        elif decision.verdict is Verdict.START and failure and failure.retry_at > context.now:
            waiting[member.name] = Waiting(failure.reason, failure.message)
    return waiting


def _crash_loop(name: str, decision: Decision) -> Waiting:
    text = f"back-off {decision.backoff:g}s restarting failed container {name} (attempt {decision.attempt})"
    return Waiting("CrashLoopBackOff", text)


def _times(
    desired: DesiredPod,
    observed: ObservedPod,
    progress: Progress,
    steps: tuple[Step, ...],
    context: Context,
) -> Iterator[float]:
    """When to look again without anything happening: back-offs, failed operations that are due again, the deadline."""
    for member in progress.due:
        decision = progress.decisions[member.name]
        if decision.verdict is Verdict.WAIT:
            yield decision.until
        elif decision.verdict is Verdict.START and context.is_held(member.name):
            yield context.failures[member.name].retry_at
    if context.refresh and context.is_held(REFRESH):
        yield context.failures[REFRESH].retry_at
    if context.resize.steps and context.is_held(RESIZE):
        yield context.failures[RESIZE].retry_at
    if context.refresh_at is not None:
        yield context.refresh_at
    planned = {operation.target for step in steps for operation in step}
    for operation in _clean_up(progress, observed):
        if context.is_held(operation.target) and operation.target not in planned:
            yield context.failures[operation.target].retry_at
    if (deadline := deadline_of(desired, observed, context)) is not None:
        yield deadline


def _volumes(desired: DesiredPod) -> Step:
    return (PrepareVolumes(),) if render.pod_spec(desired).volumes else ()


def _pulls(desired: DesiredPod, starts: Iterable[StartContainer]) -> Step:
    """The containers' images, and those that they mount as volumes."""
    sources = {volume.name: volume.image for volume in used_volumes(desired.pod) if volume.image}
    pulls: list[PullImage] = []
    for start in starts:
        container = start.container
        pulls.append(
            PullImage(container.image or "", container.imagePullPolicy or "IfNotPresent", start.target)
        )
        mounted = (sources[m.name] for m in container.volumeMounts or () if m.name in sources)
        pulls += [
            PullImage(source.reference, source.pullPolicy or pull_policy(source.reference), start.target)
            for source in mounted
            if source.reference
        ]
    return tuple(dict.fromkeys(pulls))


def _lost(desired: DesiredPod, observed: ObservedPod, sandbox: str, context: Context) -> Iterator[Operation]:
    """Out of the runtime's sight, or in an older sandbox without the pod's network: not what was asked for."""
    until = context.now + render.grace_seconds(desired)
    for container in observed.containers:
        unknown = container.status.state is ContainerState.UNKNOWN
        if unknown or (container.is_alive and container.sandbox_id != sandbox):
            yield stop_one(container, until, f"Stopping container {container.status.name}")


def _unhealthy(
    desired: DesiredPod, observed: ObservedPod, progress: Progress, context: Context
) -> Iterator[Operation]:
    """What its startup or liveness probe gave up on: it is ended, and its restartPolicy says what follows."""
    for member in progress.members:
        latest = observed.latest(member.name)
        if latest is None or latest.status.state is not ContainerState.RUNNING:
            continue
        if failed := context.probes(latest.status.id).failed:
            grace = render.grace_seconds(desired) if failed.grace is None else failed.grace
            yield stop_one(latest, context.now + grace, failed.text)


def _outdated(
    desired: DesiredPod, observed: ObservedPod, progress: Progress, context: Context
) -> Iterator[Operation]:
    """What runs from an image that the pod does not ask for any more."""
    until = context.now + render.grace_seconds(desired)
    for member in of_roles(progress.members, Role.APP, Role.SIDECAR):
        latest = observed.latest(member.name)
        running = latest is not None and latest.status.state is ContainerState.RUNNING
        if latest and running and is_outdated(member, latest) and not context.probes(latest.status.id).failed:
            yield stop_one(latest, until, f"Container {member.name} definition changed, will be restarted")


def _clean_up(progress: Progress, observed: ObservedPod) -> Step:
    """Dead attempts that nothing refers to any more: all but the newest two of each name, and old sandboxes."""
    names = [member.name for member in progress.members]
    keep = {kept.status.id for name in names for kept in _newest_two(observed, name)}
    dead = tuple(
        _remove(c, c.status.id) for c in observed.containers if c.status.id not in keep and not c.is_alive
    )
    needed = {c.sandbox_id for name in names if (c := observed.latest(name))}
    needed.add(progress.sandbox)
    old: Step = tuple(RemoveSandbox(s.id, s.id) for s in observed.sandboxes if s.id not in needed)
    return (*_never_started(progress, observed), *dead, *old)


def _free(operations: Step, context: Context) -> Step:
    """Those that did not fail just now."""
    return tuple(operation for operation in operations if not context.is_held(operation.target))


def _never_started(progress: Progress, observed: ObservedPod) -> tuple[RemoveContainer, ...]:
    """Containers whose process never began: their name has to be free before the attempt is made again."""
    latest = (observed.latest(member.name) for member in progress.members)
    return tuple(_remove(c, c.status.name) for c in latest if c and never_ran(c.status))


def _remove(container: ObservedContainer, target: str) -> RemoveContainer:
    status = container.status
    return RemoveContainer(status.id, status.name, target, status.attempt, status.log_path)


def _newest_two(observed: ObservedPod, name: str) -> list[ObservedContainer]:
    """The latest container, and the one before it: its state is lastState, its log is `logs --previous`."""
    named = [c for c in observed.containers if c.status.name == name]
    return sorted(named, key=lambda c: (c.status.attempt, c.status.created_at))[-2:]
