# SPDX-License-Identifier: Apache-2.0
"""A container runtime in memory, served over gRPC at a unix socket, for tests of cri and agent without root.

It keeps the scenarios of cri_contract.py that are marked fake. Containers are real processes of this machine without
any isolation, so that commands, exit codes, signals and timeouts are real; only simple shell commands belong in them.
Faults are put in its way with `fail` and `hold`; `stop` and `start` make it a runtime that restarts.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from cri.v1 import (
    container_calls_pb2,
    container_pb2,
    image_calls_pb2,
    runtime_calls_pb2,
    runtime_pb2,
    sandbox_calls_pb2,
    sandbox_pb2,
    stats_calls_pb2,
    stats_pb2,
    storage_pb2,
    streaming_calls_pb2,
)
from tests.support.fake_cri_state import (
    CREATED,
    DELETED,
    STARTED,
    STOPPED,
    FakeContainer,
    FakeSandbox,
    container_fields,
    envelope,
    event_message,
    image_message,
    matches,
    sandbox_fields,
    stats_message,
    stream_url,
)
from tests.support.fake_server import FakeServer, RefusedError, answers


def missing(what: str) -> RefusedError:
    return RefusedError(grpc.StatusCode.NOT_FOUND, f"{what}: not found")


class FakeRuntime(FakeServer):
    """The runtime. `name` and `version` are what it says of itself.

    With "containerd" and "1.6.20" it has containerd's event stream instead of CRI's, which tells the end of a container
    `lag` seconds before its status does.
    """

    def __init__(self, socket: Path, *, name: str = "fake", version: str = "1.0.0", lag: float = 0) -> None:
        super().__init__(socket)
        self.name, self.version_text, self.lag = name, version, lag
        self.images = ["docker.io/local/busybox:1", "docker.io/local/pause:1"]
        self.sandboxes: dict[str, FakeSandbox] = {}
        self.containers: dict[str, FakeContainer] = {}
        self._subscribers: set[asyncio.Queue[tuple[int, str, int] | None]] = set()
        self.missing_methods |= {"GetContainerEvents"} if name == "containerd" else {"Subscribe"}

    async def close(self) -> None:
        """Stop serving and end all containers."""
        await self.stop()
        for container in self.containers.values():
            await self._end(container, 0)

    # Events.

    def break_event_streams(self) -> None:
        """End every event stream, as a runtime that goes away does."""
        for subscriber in self._subscribers:
            subscriber.put_nowait(None)

    def tell(self, kind: int, container_id: str) -> None:
        """Send an event to every subscriber."""
        for subscriber in self._subscribers:
            subscriber.put_nowait((kind, container_id, time.time_ns()))

    @answers("GetContainerEvents")
    async def get_container_events(self, _request: Any) -> AsyncIterator[Message]:
        async for event in self._subscription():
            yield event_message(*event)

    @answers("Subscribe")
    async def subscribe(self, _request: Any) -> AsyncIterator[Message]:
        async for event in self._subscription():
            yield envelope(*event)

    async def _subscription(self) -> AsyncIterator[tuple[int, str, int]]:
        inbox: asyncio.Queue[tuple[int, str, int] | None] = asyncio.Queue()
        self._subscribers.add(inbox)
        try:
            while (event := await inbox.get()) is not None:
                yield event
        finally:
            self._subscribers.discard(inbox)
        raise RefusedError(grpc.StatusCode.UNAVAILABLE, "transport is closing")

    # The runtime itself.

    @answers("Version")
    async def version(self, _request: Any) -> Message:
        return runtime_calls_pb2.VersionResponse(
            version="0.1.0",
            runtime_name=self.name,
            runtime_version=self.version_text,
            runtime_api_version="v1",
        )

    @answers("Status")
    async def status(self, _request: Any) -> Message:
        conditions = [
            runtime_pb2.RuntimeCondition(type=kind, status=True) for kind in ("RuntimeReady", "NetworkReady")
        ]
        return runtime_calls_pb2.StatusResponse(status=runtime_pb2.RuntimeStatus(conditions=conditions))

    # Sandboxes.

    @answers("RunPodSandbox")
    async def run_sandbox(self, request: Any) -> Message:
        for sandbox in self.sandboxes.values():
            if sandbox.config.metadata == request.config.metadata:
                raise RefusedError(grpc.StatusCode.UNKNOWN, f"name is reserved for {sandbox.id}")
        new = FakeSandbox(secrets.token_hex(32), request.config, f"10.0.0.{len(self.sandboxes) + 2}")
        self.sandboxes[new.id] = new
        self.tell(CREATED, new.id)
        self.tell(STARTED, new.id)
        return sandbox_calls_pb2.RunPodSandboxResponse(pod_sandbox_id=new.id)

    @answers("StopPodSandbox")
    async def stop_sandbox(self, request: Any) -> Message:
        sandbox = self.sandboxes.get(request.pod_sandbox_id)
        if sandbox is not None and sandbox.ready:
            for container in self._containers_of(sandbox.id):
                await self._end(container, 0)
            self.tell(STOPPED, sandbox.id)
            await asyncio.sleep(self.lag)
            sandbox.ready = False
        return sandbox_calls_pb2.StopPodSandboxResponse()

    @answers("RemovePodSandbox")
    async def remove_sandbox(self, request: Any) -> Message:
        await self.stop_sandbox(request)
        for container in self._containers_of(request.pod_sandbox_id):
            self._forget(container)
        if self.sandboxes.pop(request.pod_sandbox_id, None):
            self.tell(DELETED, request.pod_sandbox_id)
        return sandbox_calls_pb2.RemovePodSandboxResponse()

    @answers("PodSandboxStatus")
    async def sandbox_status(self, request: Any) -> Message:
        sandbox = self._sandbox(request.pod_sandbox_id)
        status = sandbox_pb2.PodSandboxStatus(**sandbox_fields(sandbox))
        status.network.ip = sandbox.ip
        info = {"info": "{}"} if request.verbose else {}
        return sandbox_calls_pb2.PodSandboxStatusResponse(status=status, info=info)

    @answers("ListPodSandbox")
    async def list_sandbox(self, request: Any) -> Message:
        rows = [sandbox_pb2.PodSandbox(**sandbox_fields(each)) for each in self.sandboxes.values()]
        return sandbox_calls_pb2.ListPodSandboxResponse(
            items=[row for row in rows if matches(request.filter, row)]
        )

    # Containers.

    @answers("CreateContainer")
    async def create_container(self, request: Any) -> Message:
        sandbox = self._sandbox(request.pod_sandbox_id)
        if request.config.image.image not in self.images:
            raise missing(f"failed to resolve image {request.config.image.image}")
        for container in self._containers_of(sandbox.id):
            if container.config.metadata == request.config.metadata:
                raise RefusedError(grpc.StatusCode.UNKNOWN, f"name is reserved for {container.id}")
        new = FakeContainer(secrets.token_hex(32), sandbox.id, request.config)
        self.containers[new.id] = new
        self.tell(CREATED, new.id)
        return container_calls_pb2.CreateContainerResponse(container_id=new.id)

    @answers("StartContainer")
    async def start_container(self, request: Any) -> Message:
        container = self._container(request.container_id)
        if container.started_at:
            raise RefusedError(grpc.StatusCode.UNKNOWN, "container was started already")
        container.process = await _spawn([*container.config.command, *container.config.args])
        container.started_at = time.time_ns()
        container.waiter = asyncio.create_task(self._watch(container))
        self.tell(STARTED, container.id)
        return container_calls_pb2.StartContainerResponse()

    @answers("StopContainer")
    async def stop_container(self, request: Any) -> Message:
        await self._end(self._container(request.container_id), request.timeout)
        return container_calls_pb2.StopContainerResponse()

    @answers("RemoveContainer")
    async def remove_container(self, request: Any) -> Message:
        if container := self.containers.get(request.container_id):
            await self._end(container, 0)
            self._forget(container)
        return container_calls_pb2.RemoveContainerResponse()

    @answers("ContainerStatus")
    async def container_status(self, request: Any) -> Message:
        container = self._container(request.container_id)
        status = container_pb2.ContainerStatus(
            **container_fields(container),
            started_at=container.started_at,
            finished_at=container.finished_at,
            exit_code=container.exit_code,
            log_path=container.config.log_path,
        )
        if container.finished_at:
            status.reason = "Error" if container.exit_code else "Completed"
        return container_calls_pb2.ContainerStatusResponse(status=status)

    @answers("ListContainers")
    async def list_containers(self, request: Any) -> Message:
        rows = [
            container_pb2.Container(**container_fields(each), pod_sandbox_id=each.sandbox_id)
            for each in self.containers.values()
        ]
        return container_calls_pb2.ListContainersResponse(
            containers=[row for row in rows if matches(request.filter, row)]
        )

    # Commands and streams.

    @answers("ExecSync")
    async def exec_sync(self, request: Any) -> Message:
        self._running(request.container_id)
        process = await _spawn(request.cmd)
        try:
            out, err = await asyncio.wait_for(process.communicate(), request.timeout)
        except TimeoutError as error:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise RefusedError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "the command did not end in time"
            ) from error
        return streaming_calls_pb2.ExecSyncResponse(stdout=out, stderr=err, exit_code=_exit_code(process))

    @answers("Exec")
    async def exec(self, request: Any) -> Message:
        self._running(request.container_id)
        return streaming_calls_pb2.ExecResponse(url=stream_url("exec"))

    @answers("Attach")
    async def attach(self, request: Any) -> Message:
        self._running(request.container_id)
        return streaming_calls_pb2.AttachResponse(url=stream_url("attach"))

    @answers("PortForward")
    async def port_forward(self, request: Any) -> Message:
        self._sandbox(request.pod_sandbox_id)
        return streaming_calls_pb2.PortForwardResponse(url=stream_url("portforward"))

    # Images.

    @answers("ListImages")
    async def list_images(self, _request: Any) -> Message:
        return image_calls_pb2.ListImagesResponse(images=[image_message(each) for each in self.images])

    @answers("ImageStatus")
    async def image_status(self, request: Any) -> Message:
        name = request.image.image
        return image_calls_pb2.ImageStatusResponse(image=image_message(name) if name in self.images else None)

    @answers("PullImage")
    async def pull_image(self, request: Any) -> Message:
        self.images.append(request.image.image)
        return image_calls_pb2.PullImageResponse(image_ref=request.image.image)

    @answers("RemoveImage")
    async def remove_image(self, request: Any) -> Message:
        name = request.image.image.removeprefix("sha256:")
        if name in self.images:
            self.images.remove(name)
        return image_calls_pb2.RemoveImageResponse()

    @answers("ImageFsInfo")
    async def image_fs_info(self, _request: Any) -> Message:
        usage = storage_pb2.FilesystemUsage(fs_id=storage_pb2.FilesystemIdentifier(mountpoint="/images"))
        return image_calls_pb2.ImageFsInfoResponse(image_filesystems=[usage])

    # Usage.

    @answers("ContainerStats")
    async def container_stats(self, request: Any) -> Message:
        return stats_calls_pb2.ContainerStatsResponse(
            stats=stats_message(self._container(request.container_id))
        )

    @answers("ListContainerStats")
    async def list_container_stats(self, request: Any) -> Message:
        found = self._containers_of(request.filter.pod_sandbox_id)
        return stats_calls_pb2.ListContainerStatsResponse(stats=[stats_message(each) for each in found])

    @answers("PodSandboxStats")
    async def sandbox_stats(self, request: Any) -> Message:
        return stats_calls_pb2.PodSandboxStatsResponse(stats=self._pod_stats(request.pod_sandbox_id))

    @answers("ListPodSandboxStats")
    async def list_sandbox_stats(self, request: Any) -> Message:
        return stats_calls_pb2.ListPodSandboxStatsResponse(stats=[self._pod_stats(request.filter.id)])

    # Behind the calls.

    def _sandbox(self, sandbox_id: str) -> FakeSandbox:
        if sandbox_id not in self.sandboxes:
            raise missing(f"sandbox {sandbox_id}")
        return self.sandboxes[sandbox_id]

    def _container(self, container_id: str) -> FakeContainer:
        if container_id not in self.containers:
            raise missing(f"container {container_id}")
        return self.containers[container_id]

    def _running(self, container_id: str) -> FakeContainer:
        container = self._container(container_id)
        if container.state != container_pb2.CONTAINER_RUNNING:
            raise RefusedError(grpc.StatusCode.UNKNOWN, "container is not running")
        return container

    def _containers_of(self, sandbox_id: str) -> list[FakeContainer]:
        return [each for each in self.containers.values() if each.sandbox_id == sandbox_id]

    def _pod_stats(self, sandbox_id: str) -> stats_pb2.PodSandboxStats:
        stats = stats_pb2.PodSandboxStats()
        stats.attributes.id = sandbox_id
        stats.attributes.metadata.CopyFrom(self._sandbox(sandbox_id).config.metadata)
        stats.linux.containers.extend(stats_message(each) for each in self._containers_of(sandbox_id))
        return stats

    async def _watch(self, container: FakeContainer) -> None:
        """Note the end of the process; containerd's way is to tell it first."""
        assert container.process is not None
        await container.process.wait()
        if self.lag:
            self.tell(STOPPED, container.id)
            await asyncio.sleep(self.lag)
        container.exit_code, container.finished_at = _exit_code(container.process), time.time_ns()
        if not self.lag:
            self.tell(STOPPED, container.id)

    async def _end(self, container: FakeContainer, grace: float) -> None:
        if container.process is None or container.waiter is None or container.finished_at:
            return
        os.killpg(container.process.pid, signal.SIGTERM if grace else signal.SIGKILL)
        try:
            await asyncio.wait_for(asyncio.shield(container.waiter), grace or None)
        except TimeoutError:
            os.killpg(container.process.pid, signal.SIGKILL)
            await container.waiter

    def _forget(self, container: FakeContainer) -> None:
        del self.containers[container.id]
        self.tell(DELETED, container.id)


async def _spawn(command: list[str]) -> asyncio.subprocess.Process:
    """A process in a group of its own, so that what it starts ends with it."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
    )


def _exit_code(process: asyncio.subprocess.Process) -> int:
    code = process.returncode or 0
    return code if code >= 0 else 128 - code
