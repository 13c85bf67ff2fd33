# SPDX-License-Identifier: Apache-2.0
"""Removing dead containers and sandboxes, with the logs and messages of each attempt."""

import asyncio
from collections.abc import Sequence

from agent.logs import layout
from agent.pod.model import ObservedPod, PodKey, RemoveContainer, RemoveSandbox
from agent.pod.tools import Tools
from cri import CriError, Unimplemented


class Remover:
    """Removes what belongs to one pod."""

    def __init__(self, tools: Tools, key: PodKey, observed: ObservedPod) -> None:
        """observed tells which sandbox a container is in, and so which uid."""
        self._tools, self._key, self._observed = tools, key, observed

    async def remove(self, operation: RemoveContainer | RemoveSandbox) -> None:
        """Remove it; what is gone already is fine. Raises CriError."""
        match operation:
            case RemoveContainer(container_id, name, _, attempt, log_path):
                await self._remove_container(container_id, f"container {self._key}/{name}")
                await asyncio.to_thread(self._remove_files, container_id, name, attempt, log_path)
            case RemoveSandbox(sandbox_id):
                await self._remove_sandbox(sandbox_id, f"pod {self._key}")

    async def _remove_container(self, container_id: str, about: str) -> None:
        """Remove it, also if the runtime holds what it lost of it itself when an agent died while it was started."""
        runtime = self._tools.runtime
        try:
            await runtime.remove_container(container_id, about=about)
        except CriError as error:
            await self._discard((container_id,), error)
            await runtime.remove_container(container_id, about=about)

    async def _remove_sandbox(self, sandbox_id: str, about: str) -> None:
        runtime = self._tools.runtime
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

    def _remove_files(self, container_id: str, name: str, attempt: int, log_path: str) -> None:
        layout.remove_log(self._tools.logs, log_path)
        sandboxes = {sandbox.id: sandbox.metadata.uid for sandbox in self._observed.sandboxes}
        for container in self._observed.containers:
            if container.status.id == container_id and container.sandbox_id in sandboxes:
                self._tools.termination.remove(sandboxes[container.sandbox_id], name, attempt)
