# SPDX-License-Identifier: Apache-2.0
"""The API server's one handler: who asks, may they, when is their turn, what is the answer, and the log of it."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from controlplane.auth.impersonate import impersonated
from controlplane.discovery.routes import Discovery
from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.http.call import attributes_of, check_verb, find_resource, no_such_resource, verb_of
from controlplane.http.fairness import Fairness, level_of
from controlplane.http.health import PATHS, Check, health, version
from controlplane.http.metrics import Metrics, Served
from controlplane.http.options import flag, write_options
from controlplane.http.path import ResourcePath, parse_resource, split
from controlplane.http.resources import Resources
from controlplane.http.respond import refuse, respond
from controlplane.http.streams import Streams
from controlplane.request import Attributes, User
from controlplane.verbs.call import Call
from controlplane.verbs.permission import require

_LOG: Final = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


Authenticate = Callable[[Mapping[str, Any] | None, str | None, str], Awaitable[User]]
"""Says who is calling, from the peer's certificate, the Authorization header and the path. Raises ApiError 401.

See controlplane.auth.authenticate.Authenticator.authenticate.
"""


async def everybody(_peer: Mapping[str, Any] | None, _authorization: str | None, _path: str) -> User:
    """Takes every caller for an administrator: for tests, and for a socket that only one's own processes reach."""
    return User("orlop:loopback", groups=("system:masters", "system:authenticated"))


@dataclass(slots=True)
class Trace:
    """What is known of a request by the time that it is logged."""

    verb: str
    user: str = "-"
    path: ResourcePath | None = None
    is_long: bool = False

    @property
    def served(self) -> Served:
        """In the labels of the metrics; paths outside resources have none, there are too many."""
        path = self.path
        if path is None:
            return Served(self.verb.upper())
        scope = "resource" if path.name else "namespace" if path.namespace else "cluster"
        return Served(self.verb.upper(), path.group, path.version, path.plural, path.subresource, scope)


@dataclass(slots=True)
class ApiServer:
    """One server. mounts are answered by whoever gave them, by the first part of the path (openapi)."""

    engine: Engine
    authenticate: Authenticate = everybody
    address: str = ""
    release: str = "0.1.0"
    checks: Mapping[str, Check] = field(default_factory=dict)
    mounts: Mapping[str, Handler] = field(default_factory=dict)
    protobuf: Callable[[bytes], dict[str, Any]] | None = None
    connector: Callable[[web.BaseRequest, Call, str], Awaitable[web.StreamResponse]] | None = None
    fairness: Fairness = field(default_factory=Fairness)
    metrics: Metrics = field(default_factory=Metrics)
    streams: Streams = field(default_factory=Streams)
    _resources: Resources = field(init=False)
    _discovery: Discovery = field(init=False)

    def __post_init__(self) -> None:
        self._resources = Resources(self.engine, self.streams, self.protobuf)
        self._discovery = Discovery(self.engine.registry, self.address)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every refusal is a metav1.Status."""
        began, trace = time.perf_counter(), Trace(request.method.lower())
        response: web.StreamResponse | None = None
        try:
            response = await self._guarded(request, trace)
            return response
        finally:
            code = response.status if response is not None else 499
            self._log(request, trace, code, time.perf_counter() - began)

    async def stop(self) -> None:
        """End all streams cleanly."""
        await self.streams.stop()

    async def _guarded(self, request: web.BaseRequest, trace: Trace) -> web.StreamResponse:
        try:
            return await self._serve(request, trace)
        except ApiError as error:
            return refuse(error)
        except (ConnectionError, web.RequestPayloadError):
            raise
        except Exception:  # noqa: BLE001 - the outermost door: a fault costs one answer, not the server
            _LOG.exception("cannot answer %s %s: a fault of this server", request.method, request.raw_path)
            return refuse(ApiError(500, "InternalError", "Internal error occurred: see the server's log"))

    async def _serve(self, request: web.BaseRequest, trace: Trace) -> web.StreamResponse:
        raw_path = request.raw_path.partition("?")[0]
        path = parse_resource(raw_path)
        user = await self._user(request, raw_path)
        trace.user = user.name
        if path is None:
            return await self._other(request, raw_path, user)
        trace.path = path
        asked = attributes_of(request, path, user)
        trace.verb = asked.verb
        trace.is_long = asked.verb == "watch" or path.subresource in _CONNECTIONS
        if trace.is_long:
            return await self._long(request, path, asked, trace)
        with self.metrics.inflight(request.method):
            async with self.fairness.seat(asked):
                return await self._resource(request, path, asked)

    async def _long(
        self, request: web.BaseRequest, path: ResourcePath, asked: Attributes, trace: Trace
    ) -> web.StreamResponse:
        self.metrics.long_began(trace.served)
        try:
            return await self._resource(request, path, asked)
        finally:
            self.metrics.long_ended(trace.served)

    async def _resource(
        self, request: web.BaseRequest, path: ResourcePath, asked: Attributes
    ) -> web.StreamResponse:
        await require(self.engine, asked)
        resource, subresource = find_resource(self.engine.registry, path, request.method)
        watching = flag(request.query, "watch")
        check_verb(resource, subresource, path, verb_of(request.method, path, watching=watching))
        call = Call(
            resource,
            asked,
            path.namespace,
            path.name,
            subresource,
            write_options(request.query),
            request.headers.get("User-Agent", ""),
        )
        if path.subresource in _CONNECTIONS:
            if self.connector is None:
                raise ApiError(503, "ServiceUnavailable", f"cannot reach nodes for {path.subresource} here")
            return await self.connector(request, call, path.rest)
        return await self._resources.answer(request, call)

    async def _user(self, request: web.BaseRequest, raw_path: str) -> User:
        transport = request.transport
        peer = transport.get_extra_info("peercert") if transport else None
        user = await self.authenticate(peer, request.headers.get("Authorization"), raw_path)
        if self.engine.authorizer is None:
            return user
        return await impersonated(user, request.headers, self.engine.authorizer)

    async def _other(self, request: web.BaseRequest, raw_path: str, user: User) -> web.StreamResponse:
        await require(self.engine, Attributes(user, request.method.lower(), raw_path))
        parts = split(raw_path)
        if parts[0] in self.mounts:
            return await self.mounts[parts[0]](request)
        if request.method not in ("GET", "HEAD"):
            raise no_such_resource() if parts[0] not in _KNOWN else _only_get(request.method)
        return await self._read_only(request, raw_path, parts)

    async def _read_only(
        self, request: web.BaseRequest, raw_path: str, parts: tuple[str, ...]
    ) -> web.StreamResponse:
        if parts[0] in PATHS:
            without = request.query.getall("exclude", [])
            return await health(
                raw_path, self.checks, verbose=flag(request.query, "verbose"), without=without
            )
        if parts == ("version",):
            return web.json_response(version(self.release))
        if parts == ("metrics",):
            return await self._metrics()
        if parts == ("",):
            return web.json_response({"paths": self._paths()})
        document = self._discovery.find(parts, request.headers.get("Accept", ""))
        if document is None:
            raise no_such_resource()
        response = respond(document.body)
        response.headers["Content-Type"] = document.content_type
        return response

    async def _metrics(self) -> web.Response:
        for resource in self.engine.registry.stored():
            page = await self.engine.store.list(resource.storage_prefix, limit=1)
            if page.remaining is not None:
                name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
                self.metrics.set_objects(name, len(page.records) + page.remaining)
        return self.metrics.response()

    def _paths(self) -> list[str]:
        groups = [f"/apis/{group.name}" for group in self.engine.registry.groups if group.name]
        return [
            "/api",
            "/apis",
            *groups,
            *(f"/{name}" for name in (*PATHS, *self.mounts, "metrics", "version")),
        ]

    def _log(self, request: web.BaseRequest, trace: Trace, code: int, seconds: float) -> None:
        served = trace.served
        self.metrics.end(served, code, seconds, long=trace.is_long)
        if code == 429 and trace.path is not None:
            self.metrics.rejected(
                level_of(Attributes(User(trace.user), trace.verb, "", resource=served.resource))
            )
        _LOG.info(
            "verb=%s path=%s user=%r code=%d latency=%.1fms agent=%r",
            trace.verb,
            request.raw_path[:500],
            trace.user,
            code,
            seconds * 1000,
            request.headers.get("User-Agent", "")[:100],
        )


_CONNECTIONS: Final = ("log", "exec", "attach", "portforward", "proxy")
_KNOWN: Final = (*PATHS, "api", "apis", "version", "metrics", "")


def _only_get(method: str) -> ApiError:
    return ApiError(405, "MethodNotAllowed", f"the server does not allow {method} here: only GET")
