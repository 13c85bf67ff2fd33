# SPDX-License-Identifier: Apache-2.0
"""Perform a plan's operations against the runtime, the cgroups, the volumes and the files of logs.

Every operation may have been done already, in part or in whole, by an agent that was killed: each is idempotent.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from lightkube.models import core_v1

from agent.errors import OperationError
from agent.image.model import ImageError, ImageNote
from agent.logs import layout
from agent.objects.content import secret
from agent.objects.model import ObjectError
from agent.pod import notes
from agent.pod.interrupt import GivenUpError, Interrupt
from agent.pod.model import (
    EnsureCgroup,
    Failure,
    ObservedPod,
    Operation,
    Plan,
    PodKey,
    PrepareVolumes,
    PullImage,
    RefreshVolumes,
    RemoveContainer,
    RemovePodFiles,
    RemoveSandbox,
    ResizeContainer,
    RunSandbox,
    StartContainer,
    Step,
    StopContainer,
    StopSandbox,
    TeardownVolumes,
)
from agent.pod.names import check_hostname
from agent.pod.removal import Remover
from agent.pod.runtime_class import runtime_handler
from agent.pod.start import Starter
from agent.pod.stopping import stop_container
from agent.pod.timeline import Entry, Timed, Timeline
from agent.pod.tools import Tools
from agent.sources.model import DesiredPod
from cri import CriError

# Waits after failures in a row, in seconds; the last one repeats. Images have their own, longer back-off.
RETRY_DELAYS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

# The reason of the Kubernetes API for a failure of each operation.
_REASONS: dict[type[Operation], str] = {
    EnsureCgroup: "FailedCreatePodContainer",
    PullImage: "ErrImagePull",
    RunSandbox: "FailedCreatePodSandBox",
    StartContainer: "RunContainerError",
    ResizeContainer: "ResizeError",
    PrepareVolumes: "FailedMount",
    RefreshVolumes: "FailedMount",
}
_ENDING = "FailedKillPod"


class Apply:
    """Runs the steps of one pod's plan; made anew for each plan."""

    def __init__(
        self,
        tools: Tools,
        key: PodKey,
        desired: DesiredPod | None,
        observed: ObservedPod,
        timeline: Timeline,
        interrupt: Interrupt,
    ) -> None:
        """Operate on the pod of this name, telling the timeline what happened; desired None: it is taken down."""
        self._interrupt = interrupt
        self._tools, self._key, self._desired, self._observed = tools, key, desired, observed
        self._timeline = timeline
        self._timed = Timed(timeline, tools.clock)
        self._sandbox_id = ""
        self._ips = observed.ips
        self._failures: dict[str, Failure] = {}

    async def run(self, plan: Plan, before: dict[str, Failure]) -> dict[str, Failure]:
        """Do the steps in order and return what failed, by target; before gives the counts of earlier failures.

        A failed container is passed over, a failure of the whole pod ends the plan, and so does the interrupt.
        """
        for step in plan.steps:
            if "" in self._failures or self._interrupt.is_thrown:
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
        except GivenUpError as error:
            self._log(operation, at, started, str(error))
            return None
        except (OperationError, CriError, OSError) as error:
            self._log(operation, at, started, str(error))
            return error
        if not isinstance(operation, StartContainer):  # told as its parts: create, start, hook
            self._log(operation, at, started, "")
        return None

    def _log(self, operation: Operation, at: float, started: float, error: str) -> None:
        entry = Entry(type(operation).__name__, operation.target, at, time.monotonic() - started, error)
        self._timeline.add(entry)

    def _note(self, operation: Operation, error: Exception, before: Failure | None) -> None:
        count = before.count + 1 if before else 1
        delay = RETRY_DELAYS[min(count, len(RETRY_DELAYS)) - 1]
        retry_at = error.retry_at if isinstance(error, ImageError) else self._tools.clock() + delay
        reason = error.reason if isinstance(error, OperationError) else _REASONS.get(type(operation), _ENDING)
        failure = Failure(operation.target, reason, str(error), retry_at, count)
        self._failures[operation.target] = failure
        if note := notes.failed(reason, failure.message, operation.target):
            self._tell(note)

    async def _perform(self, operation: Operation) -> None:  # noqa: C901 - one row for each operation
        tools = self._tools
        match operation:
            case EnsureCgroup(path, limits):
                await asyncio.to_thread(tools.cgroups.ensure, path, limits)
            case PullImage():
                await self._interrupt.unless(self._pull(operation))
            case RunSandbox():
                await self._run_sandbox(operation)
            case StartContainer():
                sandbox_id = operation.sandbox_id or self._sandbox_id
                starter = Starter(tools, self._wanted, self._observed, self._timed, self._interrupt)
                await starter.start(operation, sandbox_id, self._ips)
            case StopContainer():
                await self._interrupt.unless(self._stop_container(operation))
            case ResizeContainer(container_id, name, resources):
                about = f"container {self._key}/{name}"
                await tools.runtime.update_resources(container_id, resources, about=about)
            case RemoveContainer() | RemoveSandbox():
                await Remover(tools, self._key, self._observed).remove(operation)
            case StopSandbox(sandbox_id):
                await tools.runtime.stop_sandbox(sandbox_id, about=f"pod {self._key}")
            case PrepareVolumes():
                await tools.volumes.prepare(self._wanted, tools.facts(self._ips), tools.objects)
            case RefreshVolumes():
                await tools.volumes.refresh(self._wanted, tools.facts(self._ips), tools.objects)
            case TeardownVolumes(uid):
                await tools.volumes.teardown(uid)
            case RemovePodFiles(cgroup, namespace, name, uid):
                if cgroup:
                    await asyncio.to_thread(tools.cgroups.remove, cgroup)
                await asyncio.to_thread(layout.remove_pod, tools.logs, namespace, name, uid)

    async def _pull(self, operation: PullImage) -> None:
        desired, target = self._wanted, operation.target

        def tell(note: ImageNote) -> None:
            self._tell(notes.Note(note.type, note.reason, note.message, target))

        await self._tools.images.ensure(
            operation.image,
            operation.policy,
            f"container {self._key}/{target}",
            secrets=self._pull_secrets(desired),
            owner=desired.uid,
            tell=tell,
        )

    def _pull_secrets(self, desired: DesiredPod) -> Sequence[core_v1.Secret]:
        """Those that can be read: a pull without the others may well succeed, as with the kubelet."""
        spec, found = desired.pod.spec, []
        for reference in (spec.imagePullSecrets or ()) if spec else ():
            try:
                found.append(secret(self._tools.objects, self._key.namespace, reference.name or ""))
            except ObjectError as error:
                text = f"Unable to retrieve some image pull secrets ({reference.name}): {error}"
                self._tell(notes.Note(notes.WARNING, "FailedToRetrieveImagePullSecret", text))
        return found

    async def _run_sandbox(self, operation: RunSandbox) -> None:
        tools, token = self._tools, object()
        handler = runtime_handler(self._wanted.pod, tools.objects)
        check_hostname(operation.config.hostname)
        tools.starting.add(token)
        try:
            layout.make_folder(Path(operation.config.log_directory))
            self._sandbox_id = await tools.runtime.run_sandbox(operation.config, handler=handler)
        finally:
            tools.starting.discard(token)
        status = await tools.runtime.sandbox_status(self._sandbox_id)
        self._ips = tuple(ip for ip in (status.ip, *status.additional_ips) if ip)

    async def _stop_container(self, operation: StopContainer) -> None:
        tools = self._tools
        if operation.message:
            self._tell(notes.killing(operation.target, operation.message))

        def tell(reason: str, message: str) -> None:
            self._tell(notes.Note(notes.WARNING, reason, message, operation.target))

        about = f"container {self._key}/{operation.target}"
        ip = self._ips[0] if self._ips else ""
        await stop_container(tools.runtime, operation, about, ip, tools.clock, tell)

    @property
    def _wanted(self) -> DesiredPod:
        """The pod that this plan is for: only teardown has none, and it starts nothing."""
        if self._desired is None:
            raise OperationError(_ENDING, f"pod {self._key} is to be removed")
        return self._desired

    def _tell(self, note: notes.Note) -> None:
        if self._desired is not None:
            self._tools.tell(self._desired, note)
