# SPDX-License-Identifier: Apache-2.0
"""Events on the wire: CRI's, and containerd's own."""

from cri.events_v1 import payload_pb2, service_pb2
from cri.model.event import Event, EventKind
from cri.v1 import event_calls_pb2

_KINDS = {
    event_calls_pb2.CONTAINER_CREATED_EVENT: EventKind.CREATED,
    event_calls_pb2.CONTAINER_STARTED_EVENT: EventKind.STARTED,
    event_calls_pb2.CONTAINER_STOPPED_EVENT: EventKind.STOPPED,
    event_calls_pb2.CONTAINER_DELETED_EVENT: EventKind.DELETED,
}

_Payload = (
    payload_pb2.ContainerCreate
    | payload_pb2.ContainerDelete
    | payload_pb2.TaskStart
    | payload_pb2.TaskDelete
    | payload_pb2.TaskOOM
)

# containerd's namespace of everything that was made over CRI.
_NAMESPACE = "k8s.io"
_TOPICS: dict[str, tuple[EventKind, type[_Payload]]] = {
    "/containers/create": (EventKind.CREATED, payload_pb2.ContainerCreate),
    "/containers/delete": (EventKind.DELETED, payload_pb2.ContainerDelete),
    "/tasks/start": (EventKind.STARTED, payload_pb2.TaskStart),
    # Not /tasks/exit: CRI shows the end of a container only after containerd has cleaned up, some 30 ms later
    # in 1.6.
    "/tasks/delete": (EventKind.STOPPED, payload_pb2.TaskDelete),
    "/tasks/oom": (EventKind.OOM, payload_pb2.TaskOOM),
}


def event_from(message: event_calls_pb2.ContainerEventResponse) -> Event | None:
    """CRI's event; None for a type that is newer than we are."""
    kind = _KINDS.get(message.container_event_type)
    return None if kind is None else Event(kind, message.container_id, message.created_at)


def subscription() -> service_pb2.SubscribeRequest:
    """The request for those of containerd's events that concern containers of CRI."""
    return service_pb2.SubscribeRequest(
        filters=[f'namespace=={_NAMESPACE},topic=="{topic}"' for topic in _TOPICS]
    )


def event_from_envelope(message: service_pb2.Envelope) -> Event | None:
    """containerd's event; None for one that is not about a container as a whole, as the end of an exec."""
    if message.topic not in _TOPICS:
        return None
    kind, payload_type = _TOPICS[message.topic]
    payload = payload_type.FromString(message.event.value)
    if isinstance(payload, payload_pb2.TaskDelete) and payload.id not in ("", payload.container_id):
        return None
    return Event(kind, _container_id(payload), message.timestamp.ToNanoseconds())


def _container_id(payload: _Payload) -> str:
    if isinstance(payload, payload_pb2.ContainerCreate | payload_pb2.ContainerDelete):
        return payload.id
    return payload.container_id
