# SPDX-License-Identifier: Apache-2.0
"""A small Kubernetes API in this process, over real HTTP, whose faults a test can choose.

It has what kube.client and kube.informer ask for: pages, watches, conflicts, merge patches, status, binding. Nothing is
validated and nothing defaulted; the real server is tested elsewhere.
"""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from kube.client import Client
from kube.config import ClientConfig
from kube.selector import parse

Json = dict[str, Any]


class FakeApi:
    """objects by (collection path, namespace, name); log is every event as (revision, collection, type, object)."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.log: list[tuple[int, str, str, Json]] = []
        self.revision = 1
        self.oldest = 1
        self.requests: list[str] = []
        # Codes for the next requests, whatever they are; requests that begin so get a 403 while it is set.
        self.refuse: list[int] = []
        self.forbidden = ""
        self.server = ""
        self._changed = asyncio.Condition()
        self._generation = 0
        self._numbers = itertools.count(1)

    async def put(self, collection: str, obj: Json) -> Json:
        """Create or replace behind the clients' backs."""
        metadata = obj["metadata"]
        key = (collection, metadata.get("namespace", ""), metadata["name"])
        old = self.objects.get(key)
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        metadata.setdefault("uid", old["metadata"]["uid"] if old else f"uid-{next(self._numbers)}")
        await self._write(key, obj, "MODIFIED" if old else "ADDED")
        return copy.deepcopy(obj)

    async def remove(self, collection: str, namespace: str, name: str) -> None:
        key = (collection, namespace, name)
        await self._write(key, copy.deepcopy(self.objects[key]), "DELETED")

    async def compact(self) -> None:
        """Forget history: a watch from before gets 410, and every watch is cut off."""
        self.oldest = self.revision = self.revision + 1
        await self.cut()

    async def cut(self) -> None:
        """Break every watch off."""
        async with self._changed:
            self._generation += 1
            self._changed.notify_all()

    async def _write(self, key: tuple[str, str, str], obj: Json, change: str) -> None:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        if change == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = obj
        async with self._changed:
            self.log.append((self.revision, key[0], change, copy.deepcopy(obj)))
            self._changed.notify_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.refuse:
            return _status(self.refuse.pop(0), "InternalError", "refused by the test")
        if self.forbidden and self.requests[-1].startswith(self.forbidden):
            return _status(403, "Forbidden", "forbidden by the test")
        collection, namespace, name, subresource = _split(request.path)
        if not name and request.method == "GET":
            watches = request.query.get("watch") == "true"
            return await (self._watch if watches else self._list)(request, collection, namespace)
        body = msgspec.json.decode(await request.read()) if request.can_read_body else {}
        if request.method == "POST" and not subresource:
            return await self._create(collection, namespace, body)
        key = (collection, namespace, name)
        if key not in self.objects:
            return _status(404, "NotFound", f'{collection} "{name}" not found')
        method = {"GET": self._get, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete}
        if request.method == "POST":
            return await self._bind(key, body)
        return await method[request.method](key, body)

    async def _list(self, request: web.Request, collection: str, namespace: str) -> web.Response:
        selector = parse(request.query.get("labelSelector", ""))
        found = [
            obj
            for (place, within, _), obj in sorted(self.objects.items())
            if place == collection
            and namespace in ("", within)
            and selector.matches(obj["metadata"].get("labels"))
        ]
        start = int(request.query.get("continue") or 0)
        end = start + int(request.query.get("limit") or len(found) or 1)
        metadata = {"resourceVersion": str(self.revision)}
        if end < len(found):
            metadata["continue"] = str(end)
        return _json({"kind": "List", "metadata": metadata, "items": found[start:end]})

    async def _watch(self, request: web.Request, collection: str, namespace: str) -> web.StreamResponse:
        after = int(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if after < self.oldest:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            await response.write(msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n")
            return response
        generation = self._generation
        while True:
            for revision, place, change, obj in list(self.log):
                if (
                    revision > after
                    and place == collection
                    and namespace in ("", obj["metadata"].get("namespace", ""))
                ):
                    line = msgspec.json.encode({"type": change, "object": obj})
                    await response.write(line + b"\n")
                after = max(after, revision)
            await self._news(after, generation)
            if self._generation != generation:
                if request.transport:
                    request.transport.abort()
                return response

    async def _news(self, after: int, generation: int) -> None:
        """Wait for an event after this revision, or for the cut of this generation of watches."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._generation != generation or (self.log and self.log[-1][0] > after)
            )

    async def _create(self, collection: str, namespace: str, body: Json) -> web.Response:
        metadata = body["metadata"]
        if "name" not in metadata:
            metadata["name"] = f"{metadata['generateName']}{next(self._numbers):05}"
        if (collection, namespace, metadata["name"]) in self.objects:
            return _status(409, "AlreadyExists", f"{metadata['name']} already exists")
        return _json(await self.put(collection, body), 201)

    async def _get(self, key: tuple[str, str, str], _: Json) -> web.Response:
        return _json(self.objects[key])

    async def _update(self, key: tuple[str, str, str], body: Json) -> web.Response:
        asked = body["metadata"].get("resourceVersion")
        if asked and asked != self.objects[key]["metadata"]["resourceVersion"]:
            return _status(409, "Conflict", "the object has been modified")
        return _json(await self.put(key[0], body))

    async def _patch(self, key: tuple[str, str, str], body: Json) -> web.Response:
        return _json(await self.put(key[0], _merge(copy.deepcopy(self.objects[key]), body)))

    async def _delete(self, key: tuple[str, str, str], body: Json) -> web.Response:
        uid = body.get("preconditions", {}).get("uid")
        obj = self.objects[key]
        if uid and uid != obj["metadata"]["uid"]:
            return _status(409, "Conflict", "another uid")
        await self.remove(*key)
        return _json(obj)

    async def _bind(self, key: tuple[str, str, str], body: Json) -> web.Response:
        pod = copy.deepcopy(self.objects[key])
        pod["spec"]["nodeName"] = body["target"]["name"]
        await self.put(key[0], pod)
        return _json({"kind": "Status", "status": "Success"}, 201)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[FakeApi, Client]]:
    """The API on a loopback port of its own, and a client of it."""
    api = FakeApi()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    api.server = f"http://{host}:{port}"
    try:
        async with Client(ClientConfig(api.server)) as client:
            yield api, client
    finally:
        await api.cut()
        await runner.cleanup()


def _split(path: str) -> tuple[str, str, str, str]:
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    return plural, namespace, name, subresource


def _merge(target: Json, patch: Json) -> Json:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = _merge(target.get(key) or {}, value)
        else:
            target[key] = value
    return target


def _json(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", status=status)


def _status(code: int, reason: str, message: str) -> web.Response:
    return _json({"kind": "Status", "code": code, "reason": reason, "message": message}, code)
