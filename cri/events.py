# SPDX-License-Identifier: Apache-2.0
"""The runtime's events as one endless stream, whichever way the runtime offers them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import grpc.aio
from google.protobuf.message import Message

from cri import methods
from cri.container import Containers
from cri.errors import CriError, NotFound, Unavailable, Unimplemented
from cri.inbox import Inbox, relist
from cri.methods import Method
from cri.model.container import ContainerState
from cri.model.event import Event, EventKind
from cri.model.runtime import RuntimeInfo
from cri.model.sandbox import SandboxState
from cri.runtime import RuntimeState
from cri.sandbox import Sandboxes
from cri.translate import translate
from cri.v1 import event_calls_pb2
from cri.wire import event as wire

log = logging.getLogger(__name__)

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

PENDING_LIMIT = 4096
"""Events that wait for a slow consumer; beyond it they are replaced by one RELIST."""

RECONNECT_PAUSES = (0.1, 0.2, 0.5, 1, 2)
"""Seconds after a broken stream before the next attempt, which itself waits for the runtime; the last goes on."""

# Seconds between looks at what CRI says of a container that containerd says has ended; 1.3 s in all. CRI of
# containerd 1.6 and 1.7 was seen to follow by 10 to 25 ms.
_SETTLE_PAUSES = (0.002, 0.004, 0.004, 0.008, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.8)


@dataclass(frozen=True, slots=True)
class Source(Generic[Q, A]):
    """A way to get events. early: an event may be told before CRI's own answers show what it tells."""

    method: Method[Q, A]
    request: Q
    event_from: Callable[[A], Event | None]
    early: bool


CRI_EVENTS = Source(
    methods.CONTAINER_EVENTS, event_calls_pb2.GetEventsRequest(), wire.event_from, early=False
)
CONTAINERD_EVENTS = Source(methods.SUBSCRIBE, wire.subscription(), wire.event_from_envelope, early=True)


class Events(RuntimeState, Sandboxes, Containers):
    """Following what happens."""

    info: RuntimeInfo

    async def events(self) -> AsyncGenerator[Event, None]:
        """Everything that happens to sandboxes and containers, without end; close the iterator to stop.

        The first event, and the first after every loss of the connection, is RELIST. When a STOPPED or
        DELETED comes, CRI's answers show it; CREATED and STARTED may come before the call that causes them
        has returned. Events are hints: one may come twice, and a consumer relists now and then all the same.

        Raises Unimplemented when the runtime has no events; ends when the client is closed.
        """
        broken = 0
        while self.is_open():
            try:
                if broken:
                    # It may be another version now, with other features.
                    self.info = await self.learn()
                async with aclosing(self._open()) as stream:
                    async for event in stream:
                        yield event
                        broken = 0 if event.kind is not EventKind.RELIST else broken
            except Unimplemented:
                raise
            except CriError as problem:
                log.info("Lost the runtime's events, connecting again: %s", problem)
            if self.is_open():
                await asyncio.sleep(RECONNECT_PAUSES[min(broken, len(RECONNECT_PAUSES) - 1)])
            broken += 1

    def _open(self) -> AsyncGenerator[Event, None]:
        """containerd's own stream where CRI's is missing or shared; another runtime can only have CRI's."""
        own_stream = self.info.name == "containerd" and not self.info.features.container_events
        return self._follow(CONTAINERD_EVENTS) if own_stream else self._follow(CRI_EVENTS)

    async def _follow(self, source: Source[Q, A]) -> AsyncGenerator[Event, None]:
        """One connection's events, RELIST first; raises CriError when it breaks."""
        inbox = Inbox(PENDING_LIMIT)
        stream = self._channel.unary_stream(
            source.method.path,
            request_serializer=source.method.request.SerializeToString,
            response_deserializer=source.method.answer.FromString,
        )
        call = cast("grpc.aio.UnaryStreamCall[Q, A]", stream(source.request, wait_for_ready=True))
        reader = asyncio.create_task(self._read(call, source, inbox), name="cri events")
        try:
            # Go servers send nothing before the first event. But they take up calls in their order on the
            # connection:
            # when a later call is answered, this one has begun, and nothing is missed between it and the
            # relist.
            await self.version()
            yield relist()
            while True:
                yield await inbox.get()
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def _read(self, call: "grpc.aio.UnaryStreamCall[Q, A]", source: Source[Q, A], inbox: Inbox) -> None:
        """Move events into the inbox until the stream breaks or this task is cancelled."""
        settling: set[asyncio.Task[None]] = set()
        end: CriError = Unavailable(
            source.method.operation, "", "UNAVAILABLE", "the runtime ended the stream"
        )
        try:
            async for message in call:
                event = source.event_from(message)
                if event is not None and source.early and event.kind in _ENDINGS:
                    task = asyncio.create_task(self._put_settled(event, inbox), name="cri event settles")
                    settling.add(task)
                    task.add_done_callback(settling.discard)
                elif event is not None:
                    inbox.put(event)
        except grpc.aio.AioRpcError as error:
            end = translate(source.method.operation, "", error)
        finally:
            call.cancel()
            for task in settling:
                task.cancel()
            inbox.end(end)

    async def _put_settled(self, event: Event, inbox: Inbox) -> None:
        """Hand an ending over once CRI shows it, or after a while in any case: it is a hint to look, not
        more.
        """
        try:
            for pause in _SETTLE_PAUSES:
                if await self._shows(event):
                    break
                await asyncio.sleep(pause)
        except CriError as problem:
            log.debug("Cannot see whether %s settled: %s", event, problem)
        inbox.put(event)

    async def _shows(self, event: Event) -> bool:
        """Whether CRI's answers are as new as the event. The id may be a container's or a sandbox's."""
        stopped = event.kind is EventKind.STOPPED
        try:
            status = await self.container_status(event.container_id)
        except NotFound:
            pass
        else:
            return stopped and status.state in (ContainerState.EXITED, ContainerState.UNKNOWN)
        try:
            sandbox = (await self.sandbox_status(event.container_id)).sandbox
        except NotFound:
            return True
        return stopped and sandbox.state is SandboxState.NOT_READY


_ENDINGS = frozenset({EventKind.STOPPED, EventKind.DELETED})
