# SPDX-License-Identifier: Apache-2.0
"""A real API server on loopback, in its own thread with its own event loop, over a store in memory."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from controlplane.engine import Engine
from controlplane.http.connection import Server
from controlplane.http.guests import Guests
from controlplane.http.listener import Listener
from controlplane.http.server import ApiServer
from controlplane.registry import default_registry
from controlplane.registry.registry import Registry
from controlplane.store.interface import Store
from controlplane.store.memory import MemoryStore
from controlplane.verbs.bootstrap import create_namespaces

Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """A whole answer."""

    code: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


@dataclass(slots=True)
class Running:
    """A server that answers at url."""

    port: int
    server: ApiServer
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if data is not None:
                sent["Content-Type"] = content_type
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: object, **headers: str) -> Answer:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str, body: object = None) -> Answer:
        return self.call("DELETE", path, body)

    def patch(self, path: str, body: object, kind: str = "merge-patch+json") -> Answer:
        return self.call("PATCH", path, body, content_type=f"application/{kind}")

    @contextmanager
    def watch(self, path: str, **headers: str) -> Iterator[Iterator[Json]]:
        """The events of a watch; path has its query."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                "GET", path, headers={name.replace("_", "-"): v for name, v in headers.items()}
            )
            response = connection.getresponse()
            if response.status != 200:
                raise AssertionError(f"{response.status}: {response.read()!r}")
            yield (json.loads(line) for line in response)
        finally:
            connection.close()


@contextmanager
def running(
    registry: Registry | None = None,
    *,
    prepare: Callable[[ApiServer], None] = lambda _: None,
    guests: Guests | None = None,
    opener: Callable[[], Coroutine[Any, Any, Store]] | None = None,
    **parts: Any,
) -> Iterator[Running]:
    """Start a server and stop it at the end; parts go to the Engine. opener makes the store in the server's loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    if opener is not None:
        parts["store"] = asyncio.run_coroutine_threadsafe(opener(), loop).result(60)
    store = parts.pop("store", None) or MemoryStore()
    engine = Engine(registry or default_registry(), store, **parts)
    server = ApiServer(engine)
    prepare(server)

    async def start() -> Listener:
        await create_namespaces(engine)
        listener = Listener(Server(server.handle), Guests(5000) if guests is None else guests, None)
        await listener.bind("127.0.0.1", 0)
        return listener

    async def stop(listener: Listener) -> None:
        await server.stop()
        await listener.close(5)
        await store.close()

    listener = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield Running(listener.ports[0], server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(stop(listener), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
