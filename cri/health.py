# SPDX-License-Identifier: Apache-2.0
"""Asks a server that is no runtime: the health service of a pod (grpc/doc/health-checking.md), for probes.

It is here because gRPC is spoken in `cri/` only.
"""

from typing import Final

import grpc
import grpc.aio

from cri.health_v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from cri.model.health import HealthAnswer

_PATH: Final = "/grpc.health.v1.Health/Check"
_OPTIONS: Final = (
    ("grpc.primary_user_agent", "kube-probe/1.32"),
    # Each probe comes over a connection of its own, as a new client of the pod would.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # An answer has a few bytes.
    ("grpc.max_receive_message_length", 64 << 10),
)


async def check_health(address: str, service: str, timeout: float) -> HealthAnswer:
    """Ask the server at host:port, without TLS, about a service ("" for the server), within timeout seconds."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        call = channel.unary_unary(
            _PATH,
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            answer = await call(HealthCheckRequest(service=service), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return HealthAnswer(serving=False, why=_why(error, address, timeout))
    if answer.status == HealthCheckResponse.SERVING:
        return HealthAnswer(serving=True)
    return HealthAnswer(serving=False, why=f'service unhealthy (responded with "{_name(answer.status)}")')


def _name(status: int) -> str:
    """A server may send a number that the list does not have."""
    known = HealthCheckResponse.ServingStatus
    return known.Name(status) if status in known.values() else str(status)


def _why(error: grpc.aio.AioRpcError, address: str, timeout: float) -> str:
    detail = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.UNIMPLEMENTED:
            what = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
            return f"error: {what}: {detail}"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"timeout: health rpc did not complete within {timeout:g}s"
        case grpc.StatusCode.UNAVAILABLE:
            return f'error: failed to connect service at "{address}": {detail.rpartition("error: ")[2]}'
        case code:
            return f"error: health rpc probe failed: {code.name}: {detail}"
