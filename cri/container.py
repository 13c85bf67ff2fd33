# SPDX-License-Identifier: Apache-2.0
"""Calls about containers."""

from collections.abc import Mapping
from contextlib import suppress

from cri import methods
from cri.calls import Caller
from cri.errors import NotFound
from cri.model.container import Container, ContainerConfig, ContainerState, ContainerStatus
from cri.model.resources import LinuxResources
from cri.model.sandbox import SandboxConfig
from cri.v1 import checkpoint_calls_pb2
from cri.v1 import container_calls_pb2 as pb
from cri.wire import container as wire
from cri.wire import sandbox as sandbox_wire
from cri.wire.resources import limits


class Containers(Caller):
    """Containers by id. `about` names one in errors, such as "container default/web/app"."""

    async def create_container(
        self, sandbox_id: str, config: ContainerConfig, sandbox_config: SandboxConfig, *, about: str = ""
    ) -> str:
        """Make a container in a sandbox, not yet started; return its id.

        sandbox_config is the value that run_sandbox was given. Raises NotFound when the image or the sandbox
        is not there, AlreadyExists when the sandbox has a container of that name and attempt.
        """
        pod = sandbox_config.metadata
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=wire.config(config),
            sandbox_config=sandbox_wire.config(sandbox_config),
        )
        about = about or f"container {pod.namespace}/{pod.name}/{config.name}"
        return (await self._call(methods.CREATE_CONTAINER, request, about)).container_id

    async def start_container(self, container_id: str, *, about: str = "") -> None:
        """Start a container that was created."""
        request = pb.StartContainerRequest(container_id=container_id)
        await self._call(methods.START_CONTAINER, request, about or f"container {container_id}")

    async def stop_container(self, container_id: str, *, grace: int, about: str = "") -> None:
        """Send the stop signal, after `grace` seconds SIGKILL, and wait for the end.

        Succeeds on what has ended or is gone.
        """
        request = pb.StopContainerRequest(container_id=container_id, timeout=grace)
        with suppress(NotFound):
            await self._call(
                methods.STOP_CONTAINER, request, about or f"container {container_id}", extra=grace
            )

    async def remove_container(self, container_id: str, *, about: str = "") -> None:
        """Remove a container, running or not. Succeeds on what is gone."""
        request = pb.RemoveContainerRequest(container_id=container_id)
        with suppress(NotFound):
            await self._call(methods.REMOVE_CONTAINER, request, about or f"container {container_id}")

    async def container_status(
        self, container_id: str, *, verbose: bool = False, about: str = ""
    ) -> ContainerStatus:
        """The container's state and how it ended; NotFound when it is gone."""
        request = pb.ContainerStatusRequest(container_id=container_id, verbose=verbose)
        answer = await self._call(methods.CONTAINER_STATUS, request, about or f"container {container_id}")
        return wire.status_from(answer.status, answer.info)

    async def list_containers(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        sandbox_id: str = "",
        container_id: str = "",
        state: ContainerState | None = None,
        about: str = "",
    ) -> tuple[Container, ...]:
        """The containers for which all that is given is true; ids may be unique prefixes."""
        request = pb.ListContainersRequest(filter=wire.list_filter(labels, sandbox_id, container_id, state))
        answer = await self._call(methods.LIST_CONTAINERS, request, about)
        return tuple(wire.row_from(each) for each in answer.containers)

    async def update_resources(
        self,
        container_id: str,
        resources: LinuxResources,
        *,
        annotations: Mapping[str, str] | None = None,
        about: str = "",
    ) -> None:
        """Change the limits of a container that was created or runs; fields that are 0 or "" stay as they
        are.
        """
        request = pb.UpdateContainerResourcesRequest(
            container_id=container_id, linux=limits(resources), annotations=dict(annotations or {})
        )
        await self._call(methods.UPDATE_CONTAINER, request, about or f"container {container_id}")

    async def reopen_log(self, container_id: str, *, about: str = "") -> None:
        """Have the log file opened anew, after it was moved away. The container must run."""
        request = pb.ReopenContainerLogRequest(container_id=container_id)
        await self._call(methods.REOPEN_LOG, request, about or f"container {container_id}")

    async def checkpoint_container(
        self, container_id: str, *, location: str, timeout: int = 0, about: str = ""
    ) -> None:
        """Write the container's state to a file at `location`; Unimplemented before containerd 2.0.

        timeout: seconds that the runtime may take, 0 for its own limit.
        """
        request = checkpoint_calls_pb2.CheckpointContainerRequest(
            container_id=container_id, location=location, timeout=timeout
        )
        await self._call(methods.CHECKPOINT, request, about or f"container {container_id}", extra=timeout)
