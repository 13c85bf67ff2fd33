# SPDX-License-Identifier: Apache-2.0
"""A loopback API server of discovery and OpenAPI that keeps what it is sent: enough for kubectl's client side."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from controlplane.errors import ApiError
from controlplane.openapi import OpenApi
from controlplane.registry import Registry
from controlplane.registry.resource import Resource


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    path: str
    content_type: str
    body: bytes


@dataclass
class OpenApiServer:
    """hidden are paths that answer 404 as if this server were older; objects are what GET finds, by path."""

    registry: Registry
    openapi: OpenApi
    hidden: tuple[str, ...] = ()
    seen: list[Seen] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    def asked(self, path: str) -> list[Seen]:
        return [each for each in self.seen if each.path.startswith(path)]


@contextmanager
def openapi_server(registry: Registry, hidden: tuple[str, ...] = ()) -> Iterator[OpenApiServer]:
    state = OpenApiServer(registry, OpenApi(registry), hidden)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: OpenApiServer

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self._keep(b"")
        if any(path.startswith(prefix) for prefix in self.state.hidden):
            self._json(404, _status(404, "NotFound"))
        elif path.startswith("/openapi/"):
            self._openapi(path)
        else:
            found = self.state.objects.get(path) or _discovery(self.state.registry, path)
            self._json(200 if found else 404, found or _status(404, "NotFound"))

    def do_POST(self) -> None:
        self._write()

    def do_PUT(self) -> None:
        self._write()

    def do_PATCH(self) -> None:
        self._write()

    def _write(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._keep(body)
        try:
            self._json(201, json.loads(body))
        except ValueError:
            self._json(415, _status(415, "UnsupportedMediaType"))

    def _keep(self, body: bytes) -> None:
        media = self.headers.get("Content-Type") or ""
        self.state.seen.append(Seen(self.command, self.path, media, body))

    def _openapi(self, path: str) -> None:
        accept, tag = (self.headers.get(name) or "" for name in ("Accept", "If-None-Match"))
        encoding = self.headers.get("Accept-Encoding") or ""
        try:
            answer = self.state.openapi.answer(path, accept, tag, accept_encoding=encoding)
        except ApiError as error:
            self._json(error.code, error.to_status())
        else:
            self._send(*answer)

    def _json(self, status: int, value: object) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}


def _discovery(registry: Registry, path: str) -> dict[str, Any] | None:
    """The plain form, as before aggregated discovery."""
    if path == "/version":
        return {"major": "1", "minor": "37", "gitVersion": "v1.37.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [_group(group.name, group.versions) for group in registry.groups if group.name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    for group in registry.groups:
        for version in group.versions:
            if path == (f"/apis/{group.name}/{version}" if group.name else f"/api/{version}"):
                return _resources(registry, group.name, version)
    return None


def _group(name: str, versions: tuple[str, ...]) -> dict[str, Any]:
    told = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": told, "preferredVersion": told[0]}


def _resources(registry: Registry, group: str, version: str) -> dict[str, Any]:
    resources = [_resource(resource) for resource in registry.of_version(group, version)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        "shortNames": list(resource.short_names),
    }
