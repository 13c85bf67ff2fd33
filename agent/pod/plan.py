# SPDX-License-Identifier: Apache-2.0
"""What to do next for a pod, as a pure function of what is wanted, what the runtime holds, and the clock.

`plan_pod` is called again after every step taken and every change seen, so it never has to remember: half-done work
of an agent that was killed is found in the runtime and finished or undone.

    nothing wanted, or another uid's left-overs -> take down (plan_teardown)
    deletion asked for                          -> stop, give everything back, keep the records (plan_deletion)
    refused, ended (deadline, eviction), or done -> stop, give the network back (plan_end)
    otherwise                                   -> a sandbox, then its containers in order (plan_run.py)
"""

from agent.pod import labels
from agent.pod.context import Context
from agent.pod.deadline import end_of
from agent.pod.decisions import Progress, progress_of
from agent.pod.model import (
    ObservedPod,
    Plan,
    RemovePodFiles,
    RemoveSandbox,
    Step,
    StopSandbox,
    TeardownVolumes,
)
from agent.pod.phase import TERMINAL
from agent.pod.plan_run import plan_run
from agent.pod.render import grace_seconds
from agent.pod.stops import stop_all
from agent.sources.model import DesiredPod
from cri.model import Sandbox, SandboxState

__all__ = ["Context", "plan_pod", "plan_teardown"]


def plan_pod(desired: DesiredPod | None, observed: ObservedPod, context: Context) -> Plan:
    """The next operations for one pod name; desired None means that nothing of that name should be left."""
    left_over = observed.not_of_uid(desired.uid if desired else None)
    held = context.failures.get("")
    if held and held.retry_at > context.now:
        return Plan(wake_at=held.retry_at)
    if left_over.sandboxes or desired is None:
        return plan_teardown(left_over, context.now)
    own = observed.of_uid(desired.uid)
    if desired.deletion:
        return _plan_deletion(own, desired.deletion.at, context)
    if _has_ended(desired, own, context):
        return _plan_end(desired, own, context)
    return plan_run(desired, own, context)


def plan_teardown(observed: ObservedPod, now: float) -> Plan:
    """Stop and remove everything observed: containers by grace period, then network, records, volumes, cgroup, logs."""
    sandboxes = observed.sandboxes
    uids = tuple(dict.fromkeys(sandbox.metadata.uid for sandbox in sandboxes))
    steps: tuple[Step, ...] = (
        *stop_all(observed, None, now),
        tuple(StopSandbox(sandbox.id) for sandbox in sandboxes),
        tuple(RemoveSandbox(sandbox.id) for sandbox in sandboxes),
        tuple(TeardownVolumes(uid) for uid in uids),
        tuple({_remove_files(sandbox): None for sandbox in sandboxes}),
    )
    return Plan(tuple(step for step in steps if step))


def _has_ended(desired: DesiredPod, observed: ObservedPod, context: Context) -> bool:
    told = context.previous.phase
    if desired.refusal or context.end or told in TERMINAL or end_of(desired, observed, context):
        return True
    progress: Progress = progress_of(desired, observed, context)
    return progress.is_over


def _plan_deletion(observed: ObservedPod, until: float, context: Context) -> Plan:
    """The records stay for the last status; they go when nobody wants the pod any more."""
    steps = (*stop_all(observed, until, context.now), *_give_back(observed, context))
    return Plan(steps, is_gone=not steps)


def _plan_end(desired: DesiredPod, observed: ObservedPod, context: Context) -> Plan:
    """Nothing runs again: what still does ends, network and volumes are given back; the records stay for status."""
    until = context.now + grace_seconds(desired)
    return Plan((*stop_all(observed, until, context.now), *_give_back(observed, context)))


def _give_back(observed: ObservedPod, context: Context) -> tuple[Step, ...]:
    ready = tuple(StopSandbox(s.id) for s in observed.sandboxes if s.state is SandboxState.READY)
    volumes: Step = (TeardownVolumes(context.uid),) if context.has_volumes else ()
    return tuple(step for step in (ready, volumes) if step)


def _remove_files(sandbox: Sandbox) -> RemovePodFiles:
    identity = sandbox.metadata
    cgroup = sandbox.annotations.get(labels.CGROUP, "")
    return RemovePodFiles(cgroup, identity.namespace, identity.name, identity.uid)
