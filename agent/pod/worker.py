# SPDX-License-Identifier: Apache-2.0
"""One pod's loop: look, plan, do, and sleep until something happens or the plan's own time comes."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.pod.apply import Apply, Tools
from agent.pod.model import Failure, ObservedPod, Plan, PodKey, Waiting
from agent.pod.observe import observe_pod
from agent.pod.plan import Context, plan_pod
from agent.pod.render import NodeFacts
from agent.pod.restart import BackoffSettings
from agent.pod.timeline import Timeline
from agent.sources.model import DesiredPod
from cri import CriError

log = logging.getLogger("orlop.agent")

# A runtime that does not answer is asked again after this many seconds (its own events wake the worker earlier).
RUNTIME_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker of a node shares."""

    tools: Tools
    node: NodeFacts
    backoff: BackoffSettings


@dataclass(slots=True)
class PodView:
    """What is known of a pod right now, for status."""

    observed: ObservedPod = field(default_factory=ObservedPod)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    settled: bool = False


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

    def want(self, desired: DesiredPod | None) -> None:
        """Set what should run under this name; None removes what is there."""
        if self._is_same(desired):
            self.desired = desired
            return
        self.desired = desired
        self.view.failures.clear()
        self.wake()

    def wake(self) -> None:
        """Look again soon: something happened, or may have."""
        self.view.settled = False
        self._wake.set()

    async def run(self) -> None:
        """Reconcile until nothing is desired and nothing is left."""
        done = False
        while not done:
            done = await self._reconcile()

    async def _reconcile(self) -> bool:
        self._wake.clear()
        try:
            tools = self._settings.tools
            observed = await observe_pod(tools.runtime, self.key, tools.oom_killed)
        except CriError as error:
            log.warning("cannot look at pod %s: %s", self.key, error)
            await self._sleep(RUNTIME_RETRY)
            return False
        self._ending = bool(observed.sandboxes) and (self._ending or self.desired is None)
        wanted = None if self._ending else self.desired
        if wanted is None and not observed.sandboxes:
            self._show(observed, Plan())
            return True
        context = self._context()
        plan = plan_pod(wanted, observed, context)
        self.view.failures = unresolved(self.view.failures, plan, context.now)
        self._show(observed, plan)
        if plan.steps:
            await self._apply(plan, wanted)
        else:
            await self._rest(plan)
        return False

    def _context(self) -> Context:
        settings = self._settings
        return Context(settings.tools.clock(), settings.node, settings.backoff, self.view.failures)

    async def _apply(self, plan: Plan, wanted: DesiredPod | None) -> None:
        for line in plan.describe():
            log.info("pod %s: %s", self.key, line)
        apply = Apply(self._settings.tools, self.key, self.view.timeline)
        failures = await apply.run(plan, self.view.failures, lambda: self._is_overtaken(wanted))
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

    def _show(self, observed: ObservedPod, plan: Plan) -> None:
        self.view.observed = observed
        self.view.waiting = dict(plan.waiting)
        self._changed(self.key)

    def _is_overtaken(self, planned: DesiredPod | None) -> bool:
        return not self._ending and not self._is_same(planned)

    def _is_same(self, desired: DesiredPod | None) -> bool:
        now = self.desired
        return (now.uid if now else None) == (desired.uid if desired else None)
