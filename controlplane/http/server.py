# SPDX-License-Identifier: Apache-2.0
"""The API server's one handler: who asks, may they, when is their turn, what is the answer, and the log of it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from controlplane.auth.audit import Entry
from controlplane.auth.impersonate import impersonated
from controlplane.auth.union import refusal
from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.http.body import Bodies, ProtobufDoor
from controlplane.http.call import attributes_of, check_verb, find_resource, verb_of
from controlplane.http.connection import connection_of
from controlplane.http.fairness import Fairness, level_of
from controlplane.http.headers import check_texts, user_agent
from controlplane.http.health import Check
from controlplane.http.metrics import Metrics
from controlplane.http.options import flag, write_options
from controlplane.http.path import ResourcePath, parse_resource
from controlplane.http.paths import Handler, Paths
from controlplane.http.resources import Resources
from controlplane.http.respond import refuse
from controlplane.http.streams import Streams
from controlplane.http.trace import Trace
from controlplane.request import ANONYMOUS, Attributes, User
from controlplane.store.errors import UnavailableError
from controlplane.verbs.call import Call
from controlplane.verbs.errors import unavailable
from controlplane.verbs.permission import decide

_LOG: Final = logging.getLogger(__name__)

Authenticate = Callable[[Mapping[str, Any] | None, str | None, str], Awaitable[User]]
"""Says who is calling, from the peer's certificate, the Authorization header and the path. Raises ApiError 401.

See controlplane.auth.authenticate.Authenticator.authenticate.
"""
Connector = Callable[[web.BaseRequest, Call, str], Awaitable[web.StreamResponse]]
"""Connects a request with a node: log, exec, attach, portforward and proxy; the text is the path behind proxy."""

# By it kubectl and client-go know that the server has priorities of its own, and do not slow themselves down.
_FAIR: Final = "X-Kubernetes-PF-FlowSchema-UID"
_FAIR_UID: Final = "9b6b2e8c-5f5e-4f0e-9d1a-0b7a3a1c4d10"
CONNECTIONS: Final = ("log", "exec", "attach", "portforward", "proxy")


async def everybody(_peer: Mapping[str, Any] | None, _authorization: str | None, _path: str) -> User:
    """Takes every caller for an administrator: for tests, and for a socket that only one's own processes reach."""
    return User("orlop:loopback", groups=("system:masters", "system:authenticated"))


@dataclass(slots=True)
class ApiServer:
    """One server. mounts are answered by whoever gave them, by the first part of the path (openapi)."""

    engine: Engine
    authenticate: Authenticate = everybody
    address: str = ""
    release: str = "0.1.0"
    checks: Mapping[str, Check] = field(default_factory=dict)
    mounts: Mapping[str, Handler] = field(default_factory=dict)
    protobuf: ProtobufDoor | None = None
    connector: Connector | None = None
    audit: Callable[[Entry], None] | None = None
    fairness: Fairness = field(default_factory=Fairness)
    metrics: Metrics = field(default_factory=Metrics)
    streams: Streams = field(default_factory=Streams)
    bodies: Bodies = field(default_factory=Bodies)
    _resources: Resources = field(init=False)
    _paths: Paths = field(init=False)

    def __post_init__(self) -> None:
        self._resources = Resources(self.engine, self.streams, self.protobuf)
        self._paths = Paths(self.engine, self.metrics, self.address, self.release, self.checks, self.mounts)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every refusal is a metav1.Status."""
        trace = Trace(request)
        response: web.StreamResponse | None = None
        connection = connection_of(request)
        if connection is not None:
            connection.begin()
        try:
            response = await self._guarded(request, trace)
            if not response.prepared:
                response.headers[_FAIR] = _FAIR_UID
            return response
        finally:
            # 499, as nginx has it: the client left before there was an answer.
            self._finish(trace, response.status if response is not None else 499)
            if connection is not None:
                connection.end()

    async def stop(self) -> None:
        """End all streams cleanly."""
        await self.streams.stop()

    async def _guarded(self, request: web.BaseRequest, trace: Trace) -> web.StreamResponse:
        try:
            return await self._serve(request, trace)
        except ApiError as error:
            return _refused(request, error)
        except UnavailableError as error:
            return _refused(request, unavailable(str(error)))
        except (ConnectionError, web.RequestPayloadError):
            raise
        except Exception:  # noqa: BLE001 - the outermost door: a fault costs one answer, not the server
            _LOG.exception("cannot answer %s %s: a fault of this server", request.method, request.raw_path)
            text = "Internal error occurred: see the server's log"
            return _refused(request, ApiError(500, "InternalError", text))

    async def _serve(self, request: web.BaseRequest, trace: Trace) -> web.StreamResponse:
        check_texts(request)
        raw_path = request.raw_path.partition("?")[0]
        path = parse_resource(raw_path)
        user = await self._user(request, raw_path, trace)
        if path is None:
            await self._authorize(trace, Attributes(user, request.method.lower(), raw_path))
            return await self._paths.answer(request, raw_path)
        asked = trace.attributes = attributes_of(request, path, user)
        trace.is_long = asked.verb == "watch" or path.subresource in CONNECTIONS
        if trace.is_long:
            return await self._long(request, path, trace, asked)
        with self.metrics.inflight(request.method):
            call = await self._call(request, path, trace, asked)
            # The body first: a client that sends slowly must not keep a seat.
            async with self.bodies.received(request) as body, self.fairness.seat(asked):
                return await self._resources.answer(request, call, body)

    async def _long(
        self, request: web.BaseRequest, path: ResourcePath, trace: Trace, asked: Attributes
    ) -> web.StreamResponse:
        call = await self._call(request, path, trace, asked)
        with self.metrics.long(trace.served):
            return await self._open(request, path, call)

    async def _call(
        self, request: web.BaseRequest, path: ResourcePath, trace: Trace, asked: Attributes
    ) -> Call:
        """What is asked, once it is known to exist and to be allowed."""
        await self._authorize(trace, asked)
        resource, subresource = find_resource(self.engine.registry, path, request.method)
        trace.is_known = True
        watching = flag(request.query, "watch")
        check_verb(resource, subresource, path, verb_of(request.method, path, watching=watching))
        return Call(
            resource,
            asked,
            path.namespace,
            path.name,
            subresource,
            write_options(request.query),
            user_agent(request),
            notes=trace.notes,
        )

    async def _open(self, request: web.BaseRequest, path: ResourcePath, call: Call) -> web.StreamResponse:
        """A watch, or a connection with a node."""
        if path.subresource not in CONNECTIONS:
            return await self._resources.watch(request, call)
        if self.connector is None:
            text = f"cannot reach nodes for {path.subresource}: this server has no way to them"
            raise ApiError(503, "ServiceUnavailable", text)
        return await self.connector(request, call, path.rest)

    async def _user(self, request: web.BaseRequest, raw_path: str, trace: Trace) -> User:
        transport = request.transport
        peer = transport.get_extra_info("peercert") if transport else None
        user = await self.authenticate(peer, request.headers.get("Authorization"), raw_path)
        connection = connection_of(request)
        if connection is not None and user is not ANONYMOUS:
            connection.recognize()
        if self.engine.authorizer is None:
            return user
        acting = await impersonated(user, request.headers, self.engine.authorizer)
        trace.impersonator = None if acting is user else user
        return acting

    async def _authorize(self, trace: Trace, asked: Attributes) -> None:
        trace.attributes = asked
        trace.decision = await decide(self.engine, asked)
        if not trace.decision.allowed:
            raise refusal(asked, trace.decision)

    def _finish(self, trace: Trace, code: int) -> None:
        self.metrics.end(trace.served, code, trace.seconds, long=trace.is_long)
        if code == 429 and trace.attributes is not None:
            self.metrics.rejected(level_of(trace.attributes))
        trace.log(code)
        if self.audit is not None:
            self.audit(trace.to_entry(code))


def _refused(request: web.BaseRequest, error: ApiError) -> web.StreamResponse:
    """The Status. Behind a part of an answer it would be taken for more of that: then the connection breaks."""
    if not request.writer.output_size:
        return refuse(error)
    _LOG.warning("broke off the answer to %s %s: %s", request.method, request.raw_path, error)
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionError("a part of the answer had been sent")
