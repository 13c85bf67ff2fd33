# SPDX-License-Identifier: Apache-2.0
"""One call: deadline, waiting and repeating, and errors of ours. The base of every file of calls."""

import asyncio
import time
from dataclasses import dataclass
from typing import TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from cri.deadlines import Deadlines
from cri.errors import CriError, DeadlineExceeded, Unavailable
from cri.methods import Method
from cri.translate import translate

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

REPEAT_AFTER = 0.05
"""Seconds before a read is repeated; a runtime that starts needs some tens of milliseconds."""

SERVER_SLACK = 2
"""Seconds by which the runtime's deadline is later than ours: else it may give up first, without a reason."""


@dataclass(frozen=True, slots=True)
class Until:
    """A call's deadline: so many seconds in all, up to a moment of time.monotonic."""

    seconds: float
    moment: float

    @classmethod
    def within(cls, seconds: float) -> "Until":
        """So many seconds from now."""
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return self.moment - time.monotonic()


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
        until = Until.within(getattr(self._deadlines, method.limit) + extra)
        while True:
            try:
                return await self._once(method, request, about, until, patient=method.reads)
            except Unavailable:
                if not method.reads or self._closed or until.left <= REPEAT_AFTER:
                    raise
            await asyncio.sleep(REPEAT_AFTER)

    async def _once(self, method: Method[Q, A], request: Q, about: str, until: Until, *, patient: bool) -> A:
        """One attempt; patient waits for a connection where there is none."""
        if self._closed:
            raise Unavailable(method.operation, about, "UNAVAILABLE", "the client was closed")
        left = until.left
        try:
            async with asyncio.timeout(left):
                return await self._stub(method)(
                    request,
                    timeout=left + SERVER_SLACK,
                    metadata=method.metadata or None,
                    wait_for_ready=patient,
                )
        except TimeoutError as error:
            raise self._late(method, about, until) from error
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
        """Our error; where there is no connection it names the socket."""
        if self._is_connected() or error.code() is not grpc.StatusCode.UNAVAILABLE:
            return translate(method.operation, about, error)
        # gRPC's long sentence ends in the one thing that tells: "... error: Connection refused".
        reason = (error.details() or "").rpartition("error: ")[2]
        detail = f"no connection to {self._socket}: {reason}"
        return Unavailable(method.operation, about, "UNAVAILABLE", detail)

    def _late(self, method: Method[Q, A], about: str, until: Until) -> CriError:
        """The error for a deadline that passed: nobody is there, or who is there does not answer."""
        if not self._is_connected():
            return Unavailable(method.operation, about, "UNAVAILABLE", f"nothing answers at {self._socket}")
        detail = f"the runtime did not answer within {until.seconds:g} s"
        return DeadlineExceeded(method.operation, about, "DEADLINE_EXCEEDED", detail)

    def _is_connected(self) -> bool:
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    def _raise_if_closed(self, method: Method[Q, A], about: str) -> None:
        """Closing the channel cancels its calls from below; the task that waits was not cancelled itself."""
        task = asyncio.current_task()
        if self._closed and task is not None and not task.cancelling():
            raise Unavailable(method.operation, about, "UNAVAILABLE", "the client was closed") from None
