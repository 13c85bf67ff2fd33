# SPDX-License-Identifier: Apache-2.0
"""One pod's loop: look, plan, do, and sleep until something happens or the plan's own time comes."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.pod import notes
from agent.pod.apply import Apply
from agent.pod.context import Context
from agent.pod.deadline import end_of
from agent.pod.interrupt import Interrupt
from agent.pod.model import (
    REFRESH,
    RESIZE,
    Failure,
    ObservedPod,
    Plan,
    PodKey,
    RefreshVolumes,
    ResizeContainer,
)
from agent.pod.observe import observe_pod
from agent.pod.plan import plan_pod
from agent.pod.render import NodeFacts, cgroup_of
from agent.pod.resize import Resize, resize_of
from agent.pod.restart import BackoffSettings
from agent.pod.situation import PodEnd, Situation
from agent.pod.sizes import read_sizes
from agent.pod.status import pod_status
from agent.pod.times import NANOSECONDS
from agent.pod.tools import Tools
from agent.pod.view import PodView, previous_of
from agent.probe.model import Target
from agent.probe.prober import Prober
from agent.sources.model import DesiredPod, Origin
from cri import CriError
from cri.model import ContainerState

log = logging.getLogger("orlop.agent")

# A runtime that does not answer is asked again after this many seconds (its own events wake the worker earlier).
RUNTIME_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker of a node shares."""

    tools: Tools
    backoff: BackoffSettings
    prober: Prober

    @property
    def node(self) -> NodeFacts:
        """The node that all of it is on."""
        return self.tools.node


def unresolved(failures: Mapping[str, Failure], plan: Plan, now: float) -> dict[str, Failure]:
    """Without the failures that are over: it is time to try again, and the plan finds nothing left to do about them.

    A runtime that was killed may have done what it could not say any more.
    """
    planned = {operation.target for step in plan.steps for operation in step}
    return {target: f for target, f in failures.items() if f.retry_at > now or target in planned}


class PodWorker:
    """Brings one pod name to what is desired; ends when nothing is desired and nothing is left."""

    def __init__(self, key: PodKey, settings: WorkerSettings, changed: Callable[[PodKey], None]) -> None:
        """Changed is called after every look, with the view up to date."""
        self.key = key
        self.view = PodView()
        self.desired: DesiredPod | None = None
        self._settings = settings
        self._changed = changed
        self._wake = asyncio.Event()
        # A pod that has begun to be removed is removed whole, even if the same manifest comes back meanwhile.
        self._ending = False
        # What the operations under way were planned for, and how they are given up.
        self._planned: DesiredPod | None = None
        self._interrupt = Interrupt()
        # The pod's resources may have changed: what holds is to be looked at. Also after a start.
        self._unsized = True
        self._resized: DesiredPod | None = None
        # Objects that the pod refers to may have changed: its volumes' content is to be looked at. Also after a start.
        self._stale = True
        # The uid of the pod whose containers are probed: they are not once nobody wants it.
        self._probed = ""

    def want(self, desired: DesiredPod | None) -> None:
        """Set what should run under this name; None removes what is there."""
        same, before = self._is_same(desired), self.desired
        self.desired = desired
        if not same:
            self.view.failures.clear()
            self.view.status = None
            self.view.end = None
            self.wake()
        elif desired is not before:
            self._stale = self._unsized = True
            self.wake()
        if self._is_overtaken():
            self._interrupt.throw()

    def wake(self) -> None:
        """Look again soon: something happened, or may have."""
        self.view.settled = False
        self._wake.set()

    def refresh(self) -> None:
        """Objects that the pod refers to have changed."""
        self._stale = True
        # What failed for want of an object need not wait for its time.
        self.view.failures = {t: replace(f, retry_at=0) for t, f in self.view.failures.items()}
        self.wake()

    def end(self, end: PodEnd) -> None:
        """The pod has to end, and why; it is never started again."""
        if self.view.end is None and self.desired is not None:
            self.view.end = end
            self._settings.tools.tell(self.desired, notes.Note(notes.WARNING, end.reason, end.message))
            self.wake()

    async def run(self) -> None:
        """Reconcile until nothing is desired and nothing is left."""
        done = False
        while not done:
            done = await self._reconcile()

    async def _reconcile(self) -> bool:
        self._wake.clear()
        try:
            observed = await self._look()
        except CriError as error:
            log.warning("cannot look at pod %s: %s", self.key, error)
            await self._sleep(RUNTIME_RETRY)
            return False
        self._ending = bool(observed.sandboxes) and (self._ending or self.desired is None)
        wanted = None if self._ending else self.desired
        if wanted is None and not observed.sandboxes:
            self._show(wanted, observed, Plan())
            return True
        await self._measure(wanted, observed)
        context = self._context(wanted, observed)
        plan = plan_pod(wanted, observed, context)
        self.view.failures = unresolved(self.view.failures, plan, context.now)
        self._show(wanted, observed, plan)
        if plan.steps:
            await self._apply(plan, wanted, observed)
        else:
            await self._rest(plan)
        return False

    async def _look(self) -> ObservedPod:
        tools, desired = self._settings.tools, self.desired
        observed = await observe_pod(tools.runtime, self.key, tools.oom_killed)
        if self._probed and (desired is None or desired.uid != self._probed):
            self._settings.prober.forget(self._probed)
            self._probed = ""
        if desired is None:
            return observed
        own = observed.of_uid(desired.uid)
        self.view.messages = await asyncio.to_thread(
            tools.termination.read_all, desired.uid, desired.pod, own, self.view.messages
        )
        if desired.pod.spec and desired.pod.spec.hostNetwork and own.sandboxes:
            observed = replace(observed, ips=tools.facts(()).host_ips)
        self._settings.prober.follow(desired, _running(observed.of_uid(desired.uid)))
        self._probed = desired.uid
        return observed

    async def _measure(self, wanted: DesiredPod | None, observed: ObservedPod) -> None:
        """Whether the pod is to be resized; a manifest's content never changes without making another pod."""
        if wanted is None or wanted.origin is Origin.FILE or wanted.deletion or not self._unsized:
            return
        tools, own = self._settings.tools, observed.of_uid(wanted.uid)
        sizes = await asyncio.to_thread(read_sizes, tools.cgroups, cgroup_of(wanted, tools.node), own)
        allocatable = tools.facts(()).allocatable
        self.view.resize = resize_of(wanted, own, sizes, tools.node, allocatable, tools.clock())
        if self._resized is wanted:
            # What the kernel makes of it besides is not asked for a second time.
            self.view.resize = Resize()
        self._unsized = bool(self.view.resize.steps)

    def _context(self, wanted: DesiredPod | None, observed: ObservedPod) -> Context:
        settings, tools = self._settings, self._settings.tools
        now = tools.clock()
        context = Context(
            now,
            tools.node,
            settings.backoff,
            self.view.failures,
            probes=settings.prober.state,
            previous=previous_of(wanted, self.view.status),
            hooking=frozenset(tools.hooking),
        )
        if wanted is None:
            return context
        due = tools.volumes.next_refresh(wanted)
        context = replace(
            context,
            uid=wanted.uid,
            has_volumes=wanted.uid in tools.volumes.uids(),
            refresh=bool(wanted.pod.spec and wanted.pod.spec.volumes)
            and (self._stale or (due is not None and due <= now)),
            refresh_at=due,
        )
        if late := end_of(wanted, observed.of_uid(wanted.uid), context):
            self.end(late)
        return replace(context, end=self.view.end, resize=self.view.resize)

    async def _apply(self, plan: Plan, wanted: DesiredPod | None, observed: ObservedPod) -> None:
        for line in plan.describe():
            log.info("pod %s: %s", self.key, line)
        refreshes = any(isinstance(o, RefreshVolumes) for step in plan.steps for o in step)
        if refreshes:
            self._stale = False
        self._planned, self._interrupt = wanted, Interrupt()
        tools, timeline = self._settings.tools, self.view.timeline
        apply = Apply(tools, self.key, wanted, observed, timeline, self._interrupt)
        failures = await apply.run(plan, self.view.failures)
        self._stale = self._stale or REFRESH in failures
        if RESIZE not in failures and any(
            isinstance(o, ResizeContainer) for step in plan.steps for o in step
        ):
            self._resized = wanted
        touched = {operation.target for step in plan.steps for operation in step}
        kept = {target: f for target, f in self.view.failures.items() if target not in touched}
        self.view.failures = kept | failures
        for failure in failures.values():
            log.warning("pod %s: %s: %s", self.key, failure.reason, failure.message)

    async def _rest(self, plan: Plan) -> None:
        self.view.settled = plan.wake_at is None and not self._wake.is_set()
        self._changed(self.key)
        timeout = None if plan.wake_at is None else max(0.0, plan.wake_at - self._settings.tools.clock())
        await self._sleep(timeout)

    async def _sleep(self, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _show(self, wanted: DesiredPod | None, observed: ObservedPod, plan: Plan) -> None:
        view = self.view
        self._tell_back_offs(plan)
        view.observed, view.waiting, view.is_gone = observed, dict(plan.waiting), plan.is_gone
        if wanted is not None:
            view.status = pod_status(wanted, self._situation(wanted, observed))
        self._changed(self.key)

    def _situation(self, wanted: DesiredPod, observed: ObservedPod) -> Situation:
        tools, view = self._settings.tools, self.view
        return Situation(
            observed.of_uid(wanted.uid),
            view.waiting,
            view.failures,
            tools.facts(()).host_ips,
            tools.clock(),
            probes=self._settings.prober.state,
            hooking=frozenset(tools.hooking),
            messages=view.messages,
            previous=previous_of(wanted, view.status),
            end=view.end,
            resize=view.resize,
        )

    def _tell_back_offs(self, plan: Plan) -> None:
        """Once for each time that a container begins to wait."""
        for name, waiting in plan.waiting.items():
            if (
                waiting.reason == "CrashLoopBackOff"
                and self.view.waiting.get(name) != waiting
                and self.desired
            ):
                note = notes.backing_off(name, f"{self.key.name}_{self.key.namespace}({self.desired.uid})")
                self._settings.tools.tell(self.desired, note)

    def _is_overtaken(self) -> bool:
        """Whether what is being done was planned for another pod, or for one that had more time."""
        if self._ending:
            return False
        deletion, planned = (one.deletion if one else None for one in (self.desired, self._planned))
        return not self._is_same(self._planned) or deletion != planned

    def _is_same(self, desired: DesiredPod | None) -> bool:
        now = self.desired
        return (now.uid if now else None) == (desired.uid if desired else None)


def _running(observed: ObservedPod) -> dict[str, Target]:
    ip = observed.ips[0] if observed.ips else ""
    return {
        c.status.name: Target(c.status.id, c.status.started_at / NANOSECONDS, ip)
        for c in observed.containers
        if c.status.state is ContainerState.RUNNING
    }
