# SPDX-License-Identifier: Apache-2.0
"""One call over the channel: deadline, waiting and repeating, and errors of ours. The base of every file of
calls.
"""

import asyncio
import time
from typing import TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from cri.deadlines import Deadlines
from cri.errors import CriError, Unavailable
from cri.methods import Method
from cri.translate import translate

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

REPEAT_AFTER = 0.05
"""Seconds before a read is repeated; a runtime that starts needs some tens of milliseconds."""


class Caller:
    """A channel to a runtime and the deadlines that hold on it."""

    def __init__(self, channel: grpc.aio.Channel, socket: str, deadlines: Deadlines) -> None:
        self._channel = channel
        self._socket = socket
        self._deadlines = deadlines
        self._stubs: dict[str, object] = {}
        self._closed = False

    def is_open(self) -> bool:
        """Whether `close` was not called yet; it says nothing about the runtime."""
        return not self._closed

    async def _call(self, method: Method[Q, A], request: Q, about: str = "", *, extra: float = 0) -> A:
        """The runtime's answer, or a CriError. `extra` is seconds on top of the method's deadline.

        A method that reads waits for a runtime that is away, and is repeated when the connection breaks,
        until its deadline. One that changes something fails at once with Unavailable when the runtime is
        away, and is never sent twice: what the caller decided on may no longer be true when the runtime is
        back.
        """
        end = time.monotonic() + getattr(self._deadlines, method.limit) + extra
        while True:
            try:
                return await self._once(method, request, about, end, patient=method.reads)
            except Unavailable:
                if not self._may_repeat(method, end):
                    raise
            await asyncio.sleep(REPEAT_AFTER)

    def _may_repeat(self, method: Method[Q, A], end: float) -> bool:
        return method.reads and not self._closed and time.monotonic() + REPEAT_AFTER < end

    async def _once(self, method: Method[Q, A], request: Q, about: str, end: float, *, patient: bool) -> A:
        """One attempt, until the moment `end`; patient waits for a connection where there is none."""
        if self._closed:
            raise Unavailable(method.operation, about, "UNAVAILABLE", "the client was closed")
        try:
            return await self._stub(method)(request, timeout=end - time.monotonic(), wait_for_ready=patient)
        except grpc.aio.AioRpcError as error:
            raise self._problem(method, about, error) from error
        except asyncio.CancelledError:
            self._raise_if_closed(method, about)
            raise

    def _stub(self, method: Method[Q, A]) -> "grpc.aio.UnaryUnaryMultiCallable[Q, A]":
        """The channel's callable for a method, made once."""
        if method.path not in self._stubs:
            self._stubs[method.path] = self._channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
        return cast("grpc.aio.UnaryUnaryMultiCallable[Q, A]", self._stubs[method.path])

    def _problem(self, method: Method[Q, A], about: str, error: grpc.aio.AioRpcError) -> CriError:
        """Our error. Where there is no connection, also after waiting for one, it names the socket."""
        connected = self._channel.get_state() is grpc.ChannelConnectivity.READY
        code, detail = error.code(), error.details() or ""
        if not connected and code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable(method.operation, about, "UNAVAILABLE", f"nothing answers at {self._socket}")
        if not connected and code is grpc.StatusCode.UNAVAILABLE:
            # gRPC's long sentence ends in the one thing that tells: "... error: Connection refused".
            detail = f"no connection to {self._socket}: {detail.rpartition('error: ')[2]}"
            return Unavailable(method.operation, about, "UNAVAILABLE", detail)
        return translate(method.operation, about, error)

    def _raise_if_closed(self, method: Method[Q, A], about: str) -> None:
        """Closing the channel cancels its calls from below; the task that waits was not cancelled itself."""
        task = asyncio.current_task()
        if self._closed and task is not None and not task.cancelling():
            raise Unavailable(method.operation, about, "UNAVAILABLE", "the client was closed") from None
