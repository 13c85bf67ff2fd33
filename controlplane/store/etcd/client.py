# SPDX-License-Identifier: Apache-2.0
"""Calls to whichever etcd member answers. A call is sent once: what a broken connection did is never guessed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from controlplane.store.errors import StoreError, UnavailableError
from controlplane.store.etcd.options import EtcdOptions, Tls
from controlplane.store.etcd.v3 import rpc_pb2 as rpc

A = TypeVar("A", bound=Message)

_CHANNEL_OPTIONS = (
    # A member that restarts is back within a second; gRPC's own pauses grow to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    # A list of ten thousand records is larger than gRPC's 4 MiB.
    ("grpc.max_receive_message_length", -1),
    # A connection that died without a word is found; etcd allows a ping every 5 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Two stores in one process must not share one connection: closing one would not close it.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
)
_KV = "/etcdserverpb.KV/"
_WATCH = "/etcdserverpb.Watch/Watch"


class CompactedByServer(StoreError):  # noqa: N818 - etcd's name of it
    """etcd says that a revision is compacted; it does not say what is kept."""


class FutureByServer(StoreError):  # noqa: N818 - etcd's name of it
    """etcd says that a revision is not reached."""


class _Unary(Protocol):
    def __call__(self, request: Message, timeout: float) -> grpc.aio.UnaryUnaryCall[Message, Message]: ...


class Client:
    """Channels to all endpoints; the one that answered last is asked first."""

    def __init__(self, options: EtcdOptions) -> None:
        self._options = options
        self._channels = [_channel(endpoint, options.tls) for endpoint in options.endpoints]
        self._calls: dict[tuple[int, str], _Unary] = {}
        self._preferred = 0

    async def range(self, request: rpc.RangeRequest) -> rpc.RangeResponse:
        """KV.Range. Raises CompactedByServer, FutureByServer, UnavailableError."""
        return await self._call("Range", request, rpc.RangeResponse)

    async def txn(self, request: rpc.TxnRequest) -> rpc.TxnResponse:
        """KV.Txn."""
        return await self._call("Txn", request, rpc.TxnResponse)

    async def compact(self, request: rpc.CompactionRequest) -> rpc.CompactionResponse:
        """KV.Compact."""
        return await self._call("Compact", request, rpc.CompactionResponse)

    async def watch(self, request: rpc.WatchCreateRequest) -> AsyncGenerator[rpc.WatchResponse, None]:
        """One watch on a stream of its own; ends with the connection: UnavailableError."""
        channel = self._channels[await self._ready()]
        call = channel.stream_stream(
            _WATCH,
            request_serializer=rpc.WatchRequest.SerializeToString,
            response_deserializer=rpc.WatchResponse.FromString,
        )()
        try:
            await call.write(rpc.WatchRequest(create_request=request))
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise self._told("Watch", error) from error
        except asyncio.InvalidStateError as error:
            raise UnavailableError("cannot watch etcd: the connection ended") from error
        finally:
            call.cancel()
        raise UnavailableError("cannot watch etcd: it ended the watch")

    async def close(self) -> None:
        """Close all connections; calls under way fail with UnavailableError."""
        await asyncio.gather(*(channel.close() for channel in self._channels))

    async def _call(self, method: str, request: Message, answer: type[A]) -> A:
        member = await self._ready()
        call = self._calls.get((member, method))
        if call is None:
            made = self._channels[member].unary_unary(
                _KV + method,
                request_serializer=type(request).SerializeToString,
                response_deserializer=answer.FromString,
            )
            call = self._calls[member, method] = cast(_Unary, made)
        try:
            return cast(A, await call(request, timeout=self._options.timeout))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                # This member may live and have no leader.
                self._preferred = (member + 1) % len(self._channels)
            raise self._told(method, error) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # gRPC's word for calls that were under way when the channel was closed.
            raise UnavailableError(f"cannot call etcd's {method}: the store is closed") from error
        except grpc.aio.UsageError as error:
            raise UnavailableError(f"cannot call etcd's {method}: the store is closed") from error

    async def _ready(self) -> int:
        """A member that is connected; waits for the first one."""
        order = [(self._preferred + n) % len(self._channels) for n in range(len(self._channels))]
        try:
            for member in order:
                state = self._channels[member].get_state(try_to_connect=True)
                if state is grpc.ChannelConnectivity.READY:
                    self._preferred = member
                    return member
            return await self._first_ready(order)
        except grpc.aio.UsageError as error:
            raise UnavailableError("cannot call etcd: the store is closed") from error

    async def _first_ready(self, order: list[int]) -> int:
        waits = {asyncio.ensure_future(self._channels[member].channel_ready()): member for member in order}
        try:
            done, _ = await asyncio.wait(
                waits, timeout=self._options.timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        for wait in done:
            if wait.exception() is None:
                self._preferred = waits[wait]
                return self._preferred
        raise UnavailableError(
            f"cannot reach etcd at {', '.join(self._options.endpoints)} within {self._options.timeout:g} s: "
            "see that it runs, and that addresses and certificates fit"
        )

    def _told(self, method: str, error: grpc.aio.AioRpcError) -> StoreError:
        code, detail = error.code(), error.details() or ""
        text = f"cannot call etcd's {method}: {code.name}: {detail}"
        if code is grpc.StatusCode.OUT_OF_RANGE and "compacted" in detail:
            return CompactedByServer(text)
        if code is grpc.StatusCode.OUT_OF_RANGE:
            return FutureByServer(text)
        too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in detail
        if too_large or code is grpc.StatusCode.INVALID_ARGUMENT:
            return StoreError(text)
        return UnavailableError(text)


def _channel(endpoint: str, tls: Tls | None) -> grpc.aio.Channel:
    # A unix socket's path as HTTP/2 authority is refused by Go's servers.
    local = [("grpc.default_authority", "localhost")] if endpoint.startswith("unix:") else []
    options = [*_CHANNEL_OPTIONS, *local]
    if tls is None:
        return grpc.aio.insecure_channel(endpoint, options=options)
    named = [("grpc.ssl_target_name_override", tls.server_name)] if tls.server_name else []
    credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)
    return grpc.aio.secure_channel(endpoint, credentials, options=[*options, *named])
