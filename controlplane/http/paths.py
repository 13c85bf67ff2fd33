# SPDX-License-Identifier: Apache-2.0
"""Requests about anything but resources: health, version, metrics, discovery, and what other parts mount."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from controlplane.discovery.routes import Discovery
from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.http.call import no_such_resource
from controlplane.http.health import PATHS, Check, health, version
from controlplane.http.metrics import Metrics
from controlplane.http.options import flag
from controlplane.http.path import split
from controlplane.http.respond import respond

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_KNOWN: Final = (*PATHS, "api", "apis", "version", "metrics", "")


@dataclass(slots=True)
class Paths:
    """Answers by the first part of the path; mounts go first."""

    engine: Engine
    metrics: Metrics
    address: str
    release: str
    checks: Mapping[str, Check]
    mounts: Mapping[str, Handler]
    _discovery: Discovery = field(init=False)

    def __post_init__(self) -> None:
        self._discovery = Discovery(self.engine.registry, self.address)

    async def answer(self, request: web.BaseRequest, raw_path: str) -> web.StreamResponse:
        """Raises ApiError 404, 405 and 406."""
        parts = split(raw_path)
        if parts[0] in self.mounts:
            return await self.mounts[parts[0]](request)
        if parts[0] not in _KNOWN:
            raise no_such_resource()
        if request.method not in ("GET", "HEAD"):
            text = f"the server does not allow {request.method} here: only GET"
            raise ApiError(405, "MethodNotAllowed", text)
        if parts[0] in PATHS:
            return await self._health(request, raw_path)
        return await self._document(request, parts)

    async def _health(self, request: web.BaseRequest, raw_path: str) -> web.StreamResponse:
        without = request.query.getall("exclude", [])
        return await health(raw_path, self.checks, verbose=flag(request.query, "verbose"), without=without)

    async def _document(self, request: web.BaseRequest, parts: tuple[str, ...]) -> web.StreamResponse:
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
        own = [f"/{name}" for name in (*PATHS, *self.mounts, "metrics", "version")]
        return ["/api", "/apis", *groups, *own]
