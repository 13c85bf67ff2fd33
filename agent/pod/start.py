# SPDX-License-Identifier: Apache-2.0
"""Starting one container: look up what it gets, create it, start it, run its postStart hook."""

import asyncio
import contextlib
from pathlib import Path

from lightkube.models import core_v1

from agent.errors import OperationError
from agent.logs import layout
from agent.objects.model import ObjectError
from agent.pod import notes
from agent.pod.env import environment
from agent.pod.errors import ConfigError
from agent.pod.hooks import HookTarget, run_post_start
from agent.pod.interrupt import Interrupt
from agent.pod.model import ObservedPod, StartContainer
from agent.pod.render import Given, as_container, container_config
from agent.pod.runtime_class import runtime_handler
from agent.pod.security import container_security, image_user
from agent.pod.timeline import Timed
from agent.pod.tools import Tools
from agent.sources.model import DesiredPod
from cri import CriError
from cri.model import ContainerConfig


class Starter:
    """Starts containers of one pod."""

    def __init__(
        self,
        tools: Tools,
        desired: DesiredPod,
        observed: ObservedPod,
        timed: Timed,
        interrupt: Interrupt,
    ) -> None:
        """timed tells the pod's timeline about the parts of a start; a hook is given up by the interrupt."""
        self._interrupt = interrupt
        self._tools, self._desired, self._observed, self._timed = tools, desired, observed, timed

    async def start(self, operation: StartContainer, sandbox_id: str, pod_ips: tuple[str, ...]) -> None:
        """Do it all. Raises OperationError with the reason of the API for the part that failed."""
        name = operation.target
        config = await self._config(operation, pod_ips)
        container_id = await self._create(operation, config, sandbox_id)
        self._tell(notes.created(name))
        with self._timed("StartContainer", name):
            await self._tools.runtime.start_container(container_id, about=self._about(name))
        self._tell(notes.started(name))
        await self._post_start(operation, container_id, pod_ips)

    async def _config(self, operation: StartContainer, pod_ips: tuple[str, ...]) -> ContainerConfig:
        try:
            return await self._look_up(operation, pod_ips)
        except ObjectError as error:
            raise ConfigError(str(error)) from error

    async def _look_up(self, operation: StartContainer, pod_ips: tuple[str, ...]) -> ContainerConfig:
        tools, desired, container = self._tools, self._desired, as_container(operation.container)
        facts = tools.facts(pod_ips)
        image = await tools.runtime.image_status(container.image or "", about=self._about(container.name))
        options = container_security(
            desired.pod,
            operation.container,
            image_user(image),
            tools.node.security,
            target_id=self._target_id(operation.container),
        )
        env = environment(
            desired.pod,
            container,
            facts,
            tools.objects,
            lambda volume, path: tools.volumes.read_file(desired, volume, path),
        )
        handler = runtime_handler(desired.pod, tools.objects)
        mounts = await asyncio.to_thread(
            tools.volumes.mounts, desired, operation.container, facts, env, handler=handler
        )
        message = await asyncio.to_thread(
            tools.termination.make, desired.uid, operation.container, operation.attempt
        )
        return container_config(desired, operation, tools.node, Given(env, (*mounts, message), options))

    async def _create(self, operation: StartContainer, config: ContainerConfig, sandbox_id: str) -> str:
        tools, sandbox = self._tools, operation.sandbox
        layout.make_folder((Path(sandbox.log_directory) / config.log_path).parent)
        with self._timed("CreateContainer", config.name):
            try:
                container_id = await tools.runtime.create_container(sandbox_id, config, sandbox)
            except CriError as error:
                raise OperationError("CreateContainerError", str(error)) from error
        layout.link(tools.logs, sandbox, config, container_id)
        return container_id

    async def _post_start(
        self, operation: StartContainer, container_id: str, pod_ips: tuple[str, ...]
    ) -> None:
        lifecycle = operation.container.lifecycle
        if not lifecycle or not lifecycle.postStart:
            return
        container, about = as_container(operation.container), self._about(operation.target)
        target = HookTarget(container, container_id, pod_ips[0] if pod_ips else "", about)
        self._tools.hooking.add(container_id)
        try:
            with self._timed("PostStartHook", operation.target):
                hook = run_post_start(self._tools.runtime, lifecycle.postStart, target)
                await self._interrupt.unless(hook)
        except OperationError:
            await self._end(operation, container_id)
            raise
        finally:
            self._tools.hooking.discard(container_id)

    async def _end(self, operation: StartContainer, container_id: str) -> None:
        """A container whose hook failed is ended; its restartPolicy says what follows."""
        with contextlib.suppress(CriError):
            await self._tools.runtime.stop_container(
                container_id, grace=2, about=self._about(operation.target)
            )

    def _target_id(self, container: core_v1.Container | core_v1.EphemeralContainer) -> str:
        name = getattr(container, "targetContainerName", None)
        latest = self._observed.latest(name) if name else None
        if name and (latest is None or not latest.is_alive):
            raise ConfigError(f"the container {name!r}, whose processes are to be seen, does not run")
        return latest.status.id if latest else ""

    def _tell(self, note: notes.Note) -> None:
        self._tools.tell(self._desired, note)

    def _about(self, name: str) -> str:
        return f"container {self._desired.key}/{name}"
