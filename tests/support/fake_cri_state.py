# SPDX-License-Identifier: Apache-2.0
"""What the in-memory runtime of fake_cri.py keeps, and the messages that it makes of that."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from cri.events_v1 import payload_pb2
from cri.events_v1 import service_pb2 as events_service
from cri.v1 import container_pb2, event_calls_pb2, image_pb2, sandbox_pb2, stats_pb2

CREATED, STARTED, STOPPED, DELETED = range(4)  # ContainerEventType
TOPICS: dict[int, tuple[str, type[Message], str]] = {
    CREATED: ("/containers/create", payload_pb2.ContainerCreate, "id"),
    STARTED: ("/tasks/start", payload_pb2.TaskStart, "container_id"),
    STOPPED: ("/tasks/delete", payload_pb2.TaskDelete, "container_id"),
    DELETED: ("/containers/delete", payload_pb2.ContainerDelete, "id"),
}


@dataclass
class FakeSandbox:
    """A sandbox; ready until it is stopped."""

    id: str
    config: sandbox_pb2.PodSandboxConfig
    ip: str
    ready: bool = True
    created_at: int = field(default_factory=time.time_ns)


@dataclass
class FakeContainer:
    """A container and its process."""

    id: str
    sandbox_id: str
    config: container_pb2.ContainerConfig
    process: asyncio.subprocess.Process | None = None
    waiter: asyncio.Task[None] | None = None
    created_at: int = field(default_factory=time.time_ns)
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0

    @property
    def state(self) -> container_pb2.ContainerState:
        if self.finished_at:
            return container_pb2.CONTAINER_EXITED
        return container_pb2.CONTAINER_RUNNING if self.started_at else container_pb2.CONTAINER_CREATED


def sandbox_fields(sandbox: FakeSandbox) -> dict[str, Any]:
    return {
        "id": sandbox.id,
        "metadata": sandbox.config.metadata,
        "state": sandbox_pb2.SANDBOX_READY if sandbox.ready else sandbox_pb2.SANDBOX_NOTREADY,
        "created_at": sandbox.created_at,
        "labels": sandbox.config.labels,
        "annotations": sandbox.config.annotations,
    }


def container_fields(container: FakeContainer) -> dict[str, Any]:
    return {
        "id": container.id,
        "metadata": container.config.metadata,
        "image": container.config.image,
        "image_ref": container.config.image.image,
        "state": container.state,
        "created_at": container.created_at,
        "labels": container.config.labels,
        "annotations": container.config.annotations,
    }


def matches(wanted: Any, row: Any) -> bool:
    """Whether all that a filter gives is true of a row."""
    sandbox_id = getattr(wanted, "pod_sandbox_id", "")
    return (
        row.id.startswith(wanted.id)
        and (not sandbox_id or row.pod_sandbox_id == sandbox_id)
        and (not wanted.HasField("state") or row.state == wanted.state.state)
        and all(row.labels.get(key) == value for key, value in wanted.label_selector.items())
    )


def image_message(name: str) -> image_pb2.Image:
    return image_pb2.Image(id=f"sha256:{name}", repo_tags=[name], size=1000)


def stats_message(container: FakeContainer) -> stats_pb2.ContainerStats:
    stats = stats_pb2.ContainerStats()
    stats.attributes.id = container.id
    stats.attributes.metadata.CopyFrom(container.config.metadata)
    stats.memory.usage_bytes.value = 1 << 20
    return stats


def stream_url(kind: str) -> str:
    return f"http://127.0.0.1:1/{kind}/{secrets.token_urlsafe(6)}"


def event_message(kind: int, container_id: str, at: int) -> Message:
    return event_calls_pb2.ContainerEventResponse(
        container_id=container_id,
        container_event_type=event_calls_pb2.ContainerEventType.Name(kind),
        created_at=at,
    )


def envelope(kind: int, container_id: str, at: int) -> Message:
    topic, payload, id_field = TOPICS[kind]
    event, timestamp = AnyMessage(), Timestamp()
    event.value = payload(**{id_field: container_id}).SerializeToString()
    event.type_url = payload.DESCRIPTOR.full_name
    timestamp.FromNanoseconds(at)
    return events_service.Envelope(timestamp=timestamp, namespace="k8s.io", topic=topic, event=event)
