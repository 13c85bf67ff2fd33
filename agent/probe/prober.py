# SPDX-License-Identifier: Apache-2.0
"""Probes of all pods: follows running containers, makes their probes when they are due, and says what they mean."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

from agent.probe.followed import Followed, Probing, followed
from agent.probe.memory import ProbeMemory
from agent.probe.metrics import ProbeMetrics
from agent.probe.model import (
    Check,
    Outcome,
    ProbeKind,
    ProbeReport,
    ProbeState,
    Remembered,
    Result,
    Running,
    Target,
)
from agent.probe.render import Probed, ProbeError
from agent.probe.schedule import Schedule, beat
from agent.sources.model import DesiredPod, PodKey

log = logging.getLogger("orlop.agent")

MakeCheck = Callable[[str, Check, float], Awaitable[Result]]
"""Makes one probe: container id, what to do, seconds. checks.Checker is one."""

_Due = tuple[str, ProbeKind]


class Prober:
    """The probes of a node's containers. Call `follow` before `state`: what is not followed counts as ready."""

    def __init__(
        self,
        make: MakeCheck,
        *,
        changed: Callable[[PodKey], None],
        tell: Callable[[ProbeReport], None],
        memory: ProbeMemory,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Changed is called when the state of one of the pod's containers changes, tell for each failed probe."""
        self._make = make
        self._changed = changed
        self._tell = tell
        self._memory = memory
        self._clock = clock
        self._schedule: Schedule[_Due] = Schedule(self._fire)
        self._containers: dict[str, Followed] = {}
        self.metrics = ProbeMetrics()

    def follow(self, desired: DesiredPod, running: Running) -> None:
        """Probe these running containers of the pod, by their names in the spec, and no others of it. Idempotent."""
        wanted = {target.container_id: name for name, target in running.items()}
        for container_id in self._of(desired.uid) - wanted.keys():
            self._drop(container_id)
        for container_id in self._of(desired.uid):
            self._end(self._containers[container_id], is_ending=desired.deletion is not None)
        specs = {container.name: container for container in _containers(desired)}
        for name, target in running.items():
            if name in specs and target.container_id not in self._containers:
                self._take_on(desired, specs[name], target)

    def forget(self, uid: str) -> None:
        """The pod is gone or all its containers are to end."""
        for container_id in self._of(uid):
            self._drop(container_id)
        self.metrics.forget(uid)

    def state(self, container_id: str) -> ProbeState:
        """What the probes of this container say now."""
        container = self._containers.get(container_id)
        return container.state if container else ProbeState()

    def tidy(self, container_ids: Iterable[str]) -> None:
        """Forget what was remembered of containers that are not among these, which the runtime has."""
        self._memory.forget(self._memory.known() - set(container_ids))

    async def close(self) -> None:
        """End all probes; what they said stays remembered."""
        self._schedule.close()
        tasks = [p.task for c in self._containers.values() for p in c.probes.values() if p.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, uid: str) -> set[str]:
        return {container_id for container_id, c in self._containers.items() if c.uid == uid}

    def _end(self, container: Followed, *, is_ending: bool) -> None:
        if container.is_ending != is_ending:
            container.is_ending = is_ending
            self._set_times(container)

    def _take_on(self, desired: DesiredPod, container: Probed, target: Target) -> None:
        before = self._memory.read(target.container_id)
        made = followed(desired.key, desired.uid, container, target, before)
        if made is not None:
            made.is_ending = desired.deletion is not None
            self._containers[target.container_id] = made
            self._remember(made)
            self._set_times(made)

    def _drop(self, container_id: str) -> None:
        container = self._containers.pop(container_id)
        for kind, probe in container.probes.items():
            self._schedule.remove((container_id, kind))
            if probe.task:
                probe.task.cancel()
        self._memory.forget([container_id])

    def _set_times(self, container: Followed) -> None:
        """Schedule the probes that are due in the container's state, and no others."""
        for kind, probe in container.probes.items():
            due = (container.target.container_id, kind)
            if kind not in container.due():
                self._schedule.remove(due)
                continue
            ago = self._clock() - container.target.started_at
            first = asyncio.get_running_loop().time() - ago + probe.timing.initial_delay
            # A startup probe's failures are counted by those who write it: its times are not moved.
            spread = kind is not ProbeKind.STARTUP
            self._schedule.add(due, beat(f"{due[0]} {kind}", first, probe.timing.period, spread=spread))

    def _fire(self, due: _Due, _at: float) -> None:
        container_id, kind = due
        container = self._containers[container_id]
        probe = container.probes[kind]
        if probe.task is None or probe.task.done():
            probe.task = asyncio.create_task(
                self._probe(container, kind, probe), name=f"probe {container.key}"
            )

    async def _probe(self, container: Followed, kind: ProbeKind, probe: Probing) -> None:
        started = time.monotonic()
        result = await self._result(container, probe)
        took = time.monotonic() - started
        self.metrics.count(kind, container.key, container.uid, container.name, result.outcome, took)
        if kind not in container.due():
            return
        before, had = container.state, container.due()
        container.note(kind, result.outcome, result.message)
        self._report(container, kind, result)
        if container.due() != had:
            self._set_times(container)
        if container.state != before:
            log.info("container %s/%s: %s", container.key, container.name, _words(container.state))
            self._remember(container)
            self._changed(container.key)

    async def _result(self, container: Followed, probe: Probing) -> Result:
        if isinstance(probe.check, ProbeError):
            return Result(Outcome.UNKNOWN, str(probe.check))
        return await self._make(container.target.container_id, probe.check, probe.timing.timeout)

    def _report(self, container: Followed, kind: ProbeKind, result: Result) -> None:
        match result:
            case Result(Outcome.FAILURE, message):
                reason, text = "Unhealthy", f"{kind} probe failed: {message}"
            case Result(Outcome.UNKNOWN, message):
                reason, text = "Unhealthy", f"{kind} probe errored and resulted in Unknown state: {message}"
            case Result(_, message, True):
                reason, text = "ProbeWarning", f"{kind} probe warning: {message}"
            case _:
                return
        self._tell(ProbeReport(container.key, container.uid, container.name, reason, text))

    def _remember(self, container: Followed) -> None:
        state = container.state
        try:
            self._memory.write(container.target.container_id, Remembered(state.started, state.ready))
        except OSError as error:
            log.warning("cannot remember the probes of %s/%s: %s", container.key, container.name, error)


def _containers(desired: DesiredPod) -> Iterator[Probed]:
    """The containers whose probes are made: app containers, and init containers that run on as sidecars."""
    spec = desired.pod.spec
    if spec is not None:
        yield from spec.containers
        yield from (c for c in spec.initContainers or () if c.restartPolicy == "Always")


def _words(state: ProbeState) -> str:
    if state.failed:
        return f"{state.failed.text}: {state.failed.message}"
    return "ready" if state.ready else "started, not ready" if state.started else "not started"
