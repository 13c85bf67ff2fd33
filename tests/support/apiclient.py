# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP client of the API over TLS, which keeps its connection; each thread needs one of its own."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPSConnection
from typing import Any

from tests.support.apiserver import Answer

Json = dict[str, Any]


class ApiClient:
    """Calls the server at an address. timeout: seconds that one call or one event may take."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext, timeout: float = 60.0) -> None:
        self.address = address
        self.port = port
        self.context = context
        self.timeout = timeout
        self._connection: HTTPSConnection | None = None

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """One request. Raises OSError and http.client's exceptions when the connection breaks under it."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent["Content-Type"] = content_type
        return self.raw(method, path, sent, data)

    def raw(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """A request with just these headers. Of a watch only the beginning is read."""
        if self._connection is None:
            self._connection = self._open()
        try:
            self._connection.request(method, target, body, dict(headers))
            response = self._connection.getresponse()
            is_stream = response.status == 200 and "watch" in target and response.chunked
            answer = Answer(
                response.status, b"" if is_stream else response.read(), dict(response.getheaders())
            )
        except (OSError, HTTPException):
            self.close()
            raise
        if response.will_close or is_stream:
            self.close()
        return answer

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
    def watch(self, path: str) -> Iterator[Iterator[Json]]:
        """The events of a watch on a connection of its own; path has its query."""
        connection = self._open()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != 200:
                raise AssertionError(f"{response.status}: {response.read()!r}")
            yield (json.loads(line) for line in response)
        finally:
            connection.close()

    def connect(self) -> ssl.SSLSocket:
        """A connection on which nothing has been said."""
        raw = socket.create_connection((self.address, self.port), timeout=self.timeout)
        try:
            return self.context.wrap_socket(raw, server_hostname=self.address)
        except BaseException:
            raw.close()
            raise

    def _open(self) -> HTTPSConnection:
        return HTTPSConnection(self.address, self.port, timeout=self.timeout, context=self.context)

    def close(self) -> None:
        """The next call makes a new connection."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None
