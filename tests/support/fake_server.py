# SPDX-License-Identifier: Apache-2.0
"""A gRPC server of CRI and containerd's events for fakes: methods by name, and faults put in their way on request."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from cri.events_v1 import service_pb2 as events_service
from cri.v1 import service_pb2 as cri_service

SERVICES = (
    cri_service.DESCRIPTOR.services_by_name["RuntimeService"],
    cri_service.DESCRIPTOR.services_by_name["ImageService"],
    events_service.DESCRIPTOR.services_by_name["Events"],
)
METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods
}

Handler = TypeVar("Handler", bound=Callable[..., Any])


def answers(method: str) -> Callable[[Handler], Handler]:
    """Marks the function of a FakeServer that answers a method, such as "RunPodSandbox"."""

    def mark(function: Handler) -> Handler:
        function.__dict__["answers"] = method
        return function

    return mark


class RefusedError(Exception):
    """Ends a call with a status of gRPC."""

    def __init__(self, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class FakeServer:
    """Serves what its class marks with `answers`; a method without such a function is unimplemented.

    A function for a stream is an async generator. `calls` counts the calls by method.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.calls: Counter[str] = Counter()
        self.missing_methods: set[str] = set()
        self._faults: defaultdict[str, list[RefusedError]] = defaultdict(list)
        self._held: dict[str, asyncio.Event] = {}
        self._server: grpc.aio.Server | None = None
        members = [getattr(self, name) for name in dir(type(self)) if not name.startswith("__")]
        self._functions = {each.answers: each for each in members if hasattr(each, "answers")}

    async def start(self) -> None:
        """Serve at the socket."""
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Dispatcher(self),))
        self._server.add_insecure_port(f"unix:{self.socket}")
        await self._server.start()

    async def stop(self) -> None:
        """Stop serving, at once: every call under way breaks."""
        assert self._server is not None
        await self._server.stop(None)
        self.socket.unlink(missing_ok=True)

    def fail(self, method: str, code: grpc.StatusCode, detail: str, times: int = 1) -> None:
        """Refuse the next calls of a method, such as "RunPodSandbox"."""
        self._faults[method] += [RefusedError(code, detail)] * times

    def hold(self, method: str) -> asyncio.Event:
        """Let calls of a method wait until the event is set."""
        self._held[method] = asyncio.Event()
        return self._held[method]

    def function(self, method: str) -> Callable[[Any], Any] | None:
        """What answers a method, None when nothing does."""
        return None if method in self.missing_methods else self._functions.get(method)

    async def enter(self, method: str) -> None:
        """Count a call, and put the fault in its way that was asked for; raises RefusedError."""
        self.calls[method] += 1
        if self._faults[method]:
            raise self._faults[method].pop(0)
        if method in self._held:
            await self._held[method].wait()


class _Dispatcher(grpc.GenericRpcHandler):
    """Finds the function of a call by its path, and turns RefusedError into gRPC's status."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def service(self, call: grpc.HandlerCallDetails) -> Any:
        method = METHODS.get(call.method)
        function = self._server.function(method.name) if method else None
        if method is None or function is None:
            return None
        types: dict[str, Any] = {
            "request_deserializer": GetMessageClass(method.input_type).FromString,
            "response_serializer": GetMessageClass(method.output_type).SerializeToString,
        }
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method.name, function), **types)
        return grpc.unary_unary_rpc_method_handler(self._answer(method.name, function), **types)

    def _answer(self, method: str, function: Callable[[Any], Awaitable[Message]]) -> Any:
        async def handle(request: Message, context: Any) -> Message | None:
            try:
                await self._server.enter(method)
                return await function(request)
            except RefusedError as error:
                await context.abort(error.code, error.detail)
                return None

        return handle

    def _stream(self, method: str, function: Callable[[Any], AsyncIterator[Message]]) -> Any:
        async def handle(request: Message, context: Any) -> AsyncIterator[Message]:
            try:
                await self._server.enter(method)
                async for message in function(request):
                    yield message
            except RefusedError as error:
                await context.abort(error.code, error.detail)

        return handle
