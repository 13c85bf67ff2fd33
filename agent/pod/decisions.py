# SPDX-License-Identifier: Apache-2.0
"""How far a pod has come, and what is to be done about each of its containers now; pure.

Init containers run one after the other and once for each sandbox; a sidecar has to have started before what comes after
it; apps come when all of these are through. What runs already is never held back by what should come before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lightkube.models import core_v1

from agent.pod.context import Context
from agent.pod.members import Member, is_outdated, members, of_roles
from agent.pod.model import ObservedContainer, ObservedPod
from agent.pod.render import pod_spec
from agent.pod.restart import Decision, Verdict, decide, restarts
from agent.pod.role import Role
from agent.sources.model import DesiredPod
from cri.model import ContainerState, SandboxState


@dataclass(frozen=True, slots=True)
class Progress:
    """All members with their decisions; due has those that may start now as far as their order is concerned.

    is_over: no app will ever run again, or an init container failed for good, which keeps them all from it. sandbox is
    the id of the one to run them in, "" when there is none.
    """

    members: tuple[Member, ...]
    decisions: Mapping[str, Decision]
    due: tuple[Member, ...]
    is_over: bool
    sandbox: str


def progress_of(desired: DesiredPod, observed: ObservedPod, context: Context) -> Progress:
    """Look at all containers of the pod."""
    spec = pod_spec(desired)
    found = members(spec)
    sandbox = _current_sandbox(observed, host_network=bool(spec.hostNetwork))
    decisions = {member.name: _decide(member, observed, sandbox, context) for member in found}
    over = all(decisions[app.name].is_final for app in of_roles(found, Role.APP))
    stuck = any(_failed_for_good(decisions[init.name]) for init in of_roles(found, Role.INIT))
    due = _due(found, decisions, observed, sandbox, context)
    return Progress(found, decisions, due, is_over=over or stuck, sandbox=sandbox)


def _current_sandbox(observed: ObservedPod, *, host_network: bool) -> str:
    """The newest sandbox while it is ready.

    A runtime killed between the network's set-up and its note of it holds a sandbox without an address: nobody can find
    that pod, and the runtime will not look again. It is replaced like a dead one.
    """
    newest = observed.sandboxes[0] if observed.sandboxes else None
    connected = bool(observed.ips) or host_network
    return newest.id if newest and newest.state is SandboxState.READY and connected else ""


def _decide(member: Member, observed: ObservedPod, sandbox: str, context: Context) -> Decision:
    latest = observed.latest(member.name)
    made = decide(latest, member.policy, context.now, context.backoff)
    if latest is not None and _makes_room(member, latest):
        return Decision(Verdict.START, latest.status.attempt + 1)
    once_a_sandbox = member.role in (Role.INIT, Role.SIDECAR)
    if once_a_sandbox and latest is not None and latest.sandbox_id != sandbox and not _failed_for_good(made):
        return Decision(Verdict.START, latest.status.attempt + 1)
    return _counted_on(made, member, latest, context)


def _makes_room(member: Member, latest: ObservedContainer) -> bool:
    """Whether it was ended because its image has changed: the next attempt does not ask for its restartPolicy."""
    stays = member.role in (Role.APP, Role.SIDECAR)
    return stays and latest.status.state is ContainerState.EXITED and is_outdated(member, latest)


def _counted_on(
    made: Decision, member: Member, latest: ObservedContainer | None, context: Context
) -> Decision:
    """Attempts count on from what was told when the runtime has forgotten the containers, as after a reboot."""
    if latest is not None or made.verdict is not Verdict.START:
        return made
    told = _told_of(member, context.previous)
    state = told.state if told else None
    if told is None or state is None or not (state.running or state.terminated or told.lastState):
        return made
    if state.terminated and member.role in (Role.APP, Role.EPHEMERAL):
        code = state.terminated.exitCode
        if not restarts(member.policy, code):
            return Decision(Verdict.SUCCEEDED if code == 0 else Verdict.FAILED)
    return replace(made, attempt=told.restartCount + 1)


def _told_of(member: Member, previous: core_v1.PodStatus) -> core_v1.ContainerStatus | None:
    lists = (
        previous.initContainerStatuses,
        previous.containerStatuses,
        previous.ephemeralContainerStatuses,
    )
    told = (status for statuses in lists for status in statuses or ())
    return next((status for status in told if status.name == member.name), None)


def _failed_for_good(decision: Decision) -> bool:
    return decision.verdict is Verdict.FAILED


def _due(
    found: tuple[Member, ...],
    decisions: Mapping[str, Decision],
    observed: ObservedPod,
    sandbox: str,
    context: Context,
) -> tuple[Member, ...]:
    """Up to and including the first that has to come before the rest."""
    inits = of_roles(found, Role.INIT, Role.SIDECAR)
    rest = of_roles(found, Role.APP, Role.EPHEMERAL)
    if any(_is_in(observed.latest(app.name), sandbox) for app in of_roles(rest, Role.APP)):
        return (*of_roles(inits, Role.SIDECAR), *rest)
    due: list[Member] = []
    for member in inits:
        due.append(member)
        if not _is_through(member, decisions[member.name], observed, context):
            return tuple(due)
    return (*of_roles(due, Role.SIDECAR), *rest)


def _is_in(container: ObservedContainer | None, sandbox: str) -> bool:
    return container is not None and bool(sandbox) and container.sandbox_id == sandbox


def _is_through(member: Member, decision: Decision, observed: ObservedPod, context: Context) -> bool:
    """Whether what comes after may start: an init container succeeded, a sidecar has started."""
    if member.role is Role.INIT:
        return decision.verdict is Verdict.SUCCEEDED
    latest = observed.latest(member.name)
    if latest is None or decision.verdict is not Verdict.RUNNING:
        return False
    return latest.status.id not in context.hooking and context.probes(latest.status.id).started
