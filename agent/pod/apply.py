# SPDX-License-Identifier: Apache-2.0
"""Perform a plan's operations against the runtime, the cgroups and the files of logs.

Every operation may have been done already, in part or in whole, by an agent that was killed: each is idempotent.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.cgroup.manager import Cgroups
from agent.errors import OperationError
from agent.image.pull import ImageError, ImagePuller
from agent.logs import layout as logs
from agent.pod.model import (
    EnsureCgroup,
    Failure,
    Operation,
    Plan,
    PodKey,
    PullImage,
    RemoveContainer,
    RemovePodFiles,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    Step,
    StopContainer,
    StopSandbox,
)
from agent.pod.timeline import Entry, Timeline
from cri import CriError, Runtime, Unimplemented


@dataclass(frozen=True, slots=True)
class Tools:
    """What operations act through, and what they know of each other.

    starting has an entry for each sandbox that is being made: GC must not run meanwhile. oom_killed has the containers
    of which the kernel's log tells an OOM kill.
    """

    runtime: Runtime
    images: ImagePuller
    cgroups: Cgroups
    logs: Path
    clock: Callable[[], float] = time.time
    starting: set[object] = field(default_factory=set)
    oom_killed: set[str] = field(default_factory=set)


# Waits after failures in a row, in seconds; the last one repeats. Images have their own, longer back-off.
RETRY_DELAYS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

# The reason of the Kubernetes API for a failure of each operation.
_REASONS: dict[type[Operation], str] = {
    EnsureCgroup: "FailedCreatePodContainer",
    PullImage: "ErrImagePull",
    RunSandbox: "FailedCreatePodSandBox",
    StartContainer: "RunContainerError",
    StopContainer: "FailedKillPod",
    RemoveContainer: "FailedKillPod",
    StopSandbox: "FailedKillPod",
    RemoveSandbox: "FailedKillPod",
    RemovePodFiles: "FailedKillPod",
}


class Apply:
    """Runs the steps of one pod's plan; made anew for each plan."""

    def __init__(self, tools: Tools, key: PodKey, timeline: Timeline) -> None:
        """Operate on the pod of this name, telling the timeline what happened."""
        self._tools = tools
        self._key = key
        self._timeline = timeline
        self._sandbox_id = ""
        self._failures: dict[str, Failure] = {}

    async def run(
        self, plan: Plan, before: dict[str, Failure], cancelled: Callable[[], bool]
    ) -> dict[str, Failure]:
        """Do the steps in order and return what failed, by target; before gives the counts of earlier failures.

        A failed container is passed over, a failure of the whole pod ends the plan, and so does cancelled().
        """
        for step in plan.steps:
            if "" in self._failures or cancelled():
                break
            await self._run_step(step, before)
        return self._failures

    async def _run_step(self, step: Step, before: dict[str, Failure]) -> None:
        possible = [operation for operation in step if operation.target not in self._failures]
        results = await asyncio.gather(*(self._attempt(operation) for operation in possible))
        for operation, error in zip(possible, results, strict=True):
            if error is not None:
                self._note(operation, error, before.get(operation.target))

    async def _attempt(self, operation: Operation) -> OperationError | CriError | OSError | None:
        started, at = time.monotonic(), self._tools.clock()
        try:
            await self._perform(operation)
        except (OperationError, CriError, OSError) as error:
            self._log(operation, at, started, str(error))
            return error
        self._log(operation, at, started, "")
        return None

    def _log(self, operation: Operation, at: float, started: float, error: str) -> None:
        phase = type(operation).__name__
        if isinstance(operation, StartContainer) and not error:
            return  # told as its two parts, create and start
        self._timeline.add(Entry(phase, operation.target, at, time.monotonic() - started, error))

    def _note(self, operation: Operation, error: Exception, before: Failure | None) -> None:
        count = before.count + 1 if before else 1
        delay = RETRY_DELAYS[min(count, len(RETRY_DELAYS)) - 1]
        retry_at = error.retry_at if isinstance(error, ImageError) else self._tools.clock() + delay
        reason = error.reason if isinstance(error, OperationError) else _REASONS[type(operation)]
        failure = Failure(operation.target, reason, str(error), retry_at, count)
        self._failures[operation.target] = failure

    async def _perform(self, operation: Operation) -> None:  # noqa: C901 - one row for each operation
        runtime = self._tools.runtime
        match operation:
            case EnsureCgroup(path, limits):
                await asyncio.to_thread(self._tools.cgroups.ensure, path, limits)
            case PullImage(image, policy, target):
                await self._tools.images.ensure(image, policy, f"container {self._key}/{target}")
            case RunSandbox():
                await self._run_sandbox(operation)
            case StartContainer():
                await self._start_container(operation)
            case StopContainer(container_id, target, grace):
                await runtime.stop_container(
                    container_id, grace=grace, about=f"container {self._key}/{target}"
                )
            case RemoveContainer(container_id, name, _, log_path):
                await self._remove_container(container_id, name)
                logs.remove_log(self._tools.logs, log_path)
            case StopSandbox(sandbox_id):
                await runtime.stop_sandbox(sandbox_id, about=f"pod {self._key}")
            case RemoveSandbox(sandbox_id):
                await self._remove_sandbox(sandbox_id)
            case RemovePodFiles(cgroup, namespace, name, uid):
                if cgroup:
                    await asyncio.to_thread(self._tools.cgroups.remove, cgroup)
                await asyncio.to_thread(logs.remove_pod, self._tools.logs, namespace, name, uid)

    async def _remove_container(self, container_id: str, target: str) -> None:
        """Remove it, also if the runtime holds what it lost of it itself when an agent died while it was started."""
        runtime, about = self._tools.runtime, f"container {self._key}/{target}"
        try:
            await runtime.remove_container(container_id, about=about)
        except CriError as error:
            await self._discard((container_id,), error)
            await runtime.remove_container(container_id, about=about)

    async def _remove_sandbox(self, sandbox_id: str) -> None:
        runtime, about = self._tools.runtime, f"pod {self._key}"
        try:
            await runtime.remove_sandbox(sandbox_id, about=about)
        except CriError as error:
            containers = await runtime.list_containers(sandbox_id=sandbox_id, about=about)
            await self._discard([container.id for container in containers], error)
            await runtime.remove_sandbox(sandbox_id, about=about)

    async def _discard(self, container_ids: Sequence[str], error: CriError) -> None:
        """End the tasks that hold up a removal; raises the error of the removal if that is not why it failed."""
        if error.code != "FAILED_PRECONDITION":
            raise error
        try:
            for container_id in container_ids:
                await self._tools.runtime.discard_task(container_id)
        except Unimplemented:
            raise error from None

    async def _run_sandbox(self, operation: RunSandbox) -> None:
        token = object()
        self._tools.starting.add(token)
        try:
            logs.make_folder(Path(operation.config.log_directory))
            self._sandbox_id = await self._tools.runtime.run_sandbox(operation.config)
        finally:
            self._tools.starting.discard(token)

    async def _start_container(self, operation: StartContainer) -> None:
        config, sandbox = operation.config, operation.sandbox
        logs.make_folder((Path(sandbox.log_directory) / config.log_path).parent)
        about = f"container {self._key}/{config.name}"
        sandbox_id = operation.sandbox_id or self._sandbox_id
        with self._phase("CreateContainer", config.name):
            try:
                container_id = await self._tools.runtime.create_container(sandbox_id, config, sandbox)
            except CriError as error:
                raise OperationError("CreateContainerError", str(error)) from error
        logs.link(self._tools.logs, sandbox, config, container_id)
        with self._phase("StartContainer", config.name):
            await self._tools.runtime.start_container(container_id, about=about)

    def _phase(self, name: str, target: str) -> "_Phase":
        return _Phase(self._timeline, name, target, self._tools.clock())


class _Phase:
    """Times one part of an operation; a failed part is told by the operation, with its error."""

    def __init__(self, timeline: Timeline, name: str, target: str, at: float) -> None:
        self._entry = (name, target, at)
        self._timeline = timeline
        self._started = time.monotonic()

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._timeline.add(Entry(*self._entry, time.monotonic() - self._started))
