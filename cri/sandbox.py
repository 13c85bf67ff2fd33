# SPDX-License-Identifier: Apache-2.0
"""Calls about sandboxes."""

from collections.abc import Mapping
from contextlib import suppress

from cri import methods
from cri.calls import Caller
from cri.errors import NotFound
from cri.model.resources import LinuxResources
from cri.model.sandbox import Sandbox, SandboxConfig, SandboxState, SandboxStatus
from cri.v1 import sandbox_calls_pb2 as pb
from cri.wire import sandbox as wire
from cri.wire.resources import limits


class Sandboxes(Caller):
    """Sandboxes by id. `about` names the pod in errors, such as "pod default/web"."""

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "", about: str = "") -> str:
        """Make and start a sandbox, its network included; return its id.

        Raises AlreadyExists when there is one with the same metadata; Unavailable or DeadlineExceeded when it
        is unknown whether there is one now.
        """
        about = about or f"pod {config.metadata.namespace}/{config.metadata.name}"
        request = pb.RunPodSandboxRequest(config=wire.config(config), runtime_handler=handler)
        return (await self._call(methods.RUN_SANDBOX, request, about)).pod_sandbox_id

    async def stop_sandbox(self, sandbox_id: str, *, about: str = "") -> None:
        """End all processes of the pod and give its network back. Succeeds on what is stopped or gone."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        with suppress(NotFound):
            await self._call(methods.STOP_SANDBOX, request, about or f"sandbox {sandbox_id}")

    async def remove_sandbox(self, sandbox_id: str, *, about: str = "") -> None:
        """Remove the sandbox and all its containers, running or not. Succeeds on what is gone."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        with suppress(NotFound):
            await self._call(methods.REMOVE_SANDBOX, request, about or f"sandbox {sandbox_id}")

    async def sandbox_status(
        self, sandbox_id: str, *, verbose: bool = False, about: str = ""
    ) -> SandboxStatus:
        """The sandbox's state and addresses; NotFound when it is gone."""
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=verbose)
        answer = await self._call(methods.SANDBOX_STATUS, request, about or f"sandbox {sandbox_id}")
        return wire.status_from(answer)

    async def list_sandboxes(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        sandbox_id: str = "",
        state: SandboxState | None = None,
        about: str = "",
    ) -> tuple[Sandbox, ...]:
        """The sandboxes for which all that is given is true; an id may be a unique prefix."""
        request = pb.ListPodSandboxRequest(filter=wire.list_filter(labels, sandbox_id, state))
        answer = await self._call(methods.LIST_SANDBOXES, request, about)
        return tuple(wire.row_from(each) for each in answer.items)

    async def update_sandbox_resources(
        self, sandbox_id: str, *, overhead: LinuxResources, resources: LinuxResources, about: str = ""
    ) -> None:
        """Tell the runtime the pod's changed sums; Unimplemented in containerd 2.1 and before."""
        request = pb.UpdatePodSandboxResourcesRequest(
            pod_sandbox_id=sandbox_id, overhead=limits(overhead), resources=limits(resources)
        )
        await self._call(methods.UPDATE_SANDBOX, request, about or f"sandbox {sandbox_id}")
