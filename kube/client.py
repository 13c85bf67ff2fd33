# SPDX-License-Identifier: Apache-2.0
"""A small asyncio client of the Kubernetes API: plain dicts in and out, one method a verb.

Why not lightkube's own client: README.md. Every method raises ApiStatusError when the server refuses and
UnreachableError when it cannot be asked.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Final, Self

import aiohttp
import msgspec

from kube.config import ClientConfig
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import Kind

Json = dict[str, Any]

# An API server answers any plain request within a minute (its own limit); a watch ends by its timeoutSeconds.
REQUEST_SECONDS: Final = 65.0
CONNECT_SECONDS: Final = 10.0
PAGE: Final = 500
# The longest line of a watch: an object is at most 3 MiB, and JSON may escape every byte of it.
_LONGEST_EVENT: Final = 32 << 20
_CHUNK: Final = 1 << 16


class PatchType(StrEnum):
    """The content types of PATCH."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """One identity at one API server. Use as an async context manager, or call close()."""

    def __init__(self, config: ClientConfig, *, user_agent: str = "orlop", connections: int = 64) -> None:
        """connections bounds requests under way; watches have connections of their own."""
        self._config = config
        # On one machine or in one network, packing costs both ends more time than it saves.
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._watches: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every request and watch."""
        for session in (self._session, self._watches):
            if session:
                await session.close()
        self._session = self._watches = None

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Json:
        """One object."""
        return await self.request("GET", kind.path(namespace, name))

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
        transform: Callable[[Json], Json] = lambda obj: obj,
    ) -> Json:
        """The whole list, read in pages of limit from one snapshot; items carry apiVersion and kind.

        transform makes of each item what is kept of it, page by page: what it drops is never there of all items.
        """
        query = _query(labelSelector=labels, fieldSelector=fields, limit=limit)
        items: list[Json] = []
        while True:
            page = await self.request("GET", kind.path(namespace), query=query)
            metadata = page["metadata"]
            for item in page.pop("items", None) or ():
                # A server leaves them out in lists of built-in kinds.
                item.setdefault("apiVersion", kind.api_version)
                item.setdefault("kind", kind.kind)
                items.append(transform(item))
            if not metadata.get("continue"):
                metadata.pop("continue", None)
                return {**page, "items": items}
            query["continue"] = metadata["continue"]

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str,
        labels: str = "",
        fields: str = "",
        seconds: int = 300,
    ) -> AsyncGenerator[Json, None]:
        """Watch events {"type", "object"} after resource_version, bookmarks included, for about so many seconds.

        Ends quietly when the server ends it. An ERROR event is raised as ApiStatusError (410: list again). Close the
        generator (contextlib.aclosing) to end the watch at once.
        """
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=labels,
            fieldSelector=fields,
            timeoutSeconds=seconds,
        )
        # Ten seconds past the server's own end the connection must be dead.
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=seconds + 10)
        async with self._send(
            self._for_watches(), "GET", kind.path(namespace), query, timeout=timeout
        ) as answer:
            async for line in _lines(answer, kind):
                event: Json = _decode(line, kind.path(namespace))
                if event["type"] == "ERROR":
                    raise _refusal(event["object"].get("code", 500), event["object"])
                yield event

    async def create(self, kind: Kind, obj: Json, *, subresource: str = "", name: str = "") -> Json:
        """The object as the server made it. With a subresource (binding, eviction, token) name says of which object."""
        namespace = obj["metadata"].get("namespace", "")
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        return await self.request("POST", kind.path(namespace, name, subresource), body=body)

    async def update(self, kind: Kind, obj: Json, *, subresource: str = "") -> Json:
        """Replace the object; its metadata.resourceVersion, when there, must be the current one (else a conflict)."""
        metadata = obj["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], subresource)
        return await self.request(
            "PUT", path, body={"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        )

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: object,
        *,
        namespace: str = "",
        type: PatchType = PatchType.MERGE,  # noqa: A002 - what everybody calls it
        subresource: str = "",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """The object after the patch. query carries fieldManager and force where they are wanted."""
        path = kind.path(namespace, name, subresource)
        return await self.request("PATCH", path, body=patch, query=dict(query or {}), content_type=type)

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
        propagation: str = "",
    ) -> Json:
        """What the server answered: the object while it is still going, its last state, or a Status.

        uid and resource_version are preconditions (a conflict when they do not hold).
        """
        preconditions = _query(uid=uid, resourceVersion=resource_version)
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= {"preconditions": preconditions} if preconditions else {}
        options |= {"propagationPolicy": propagation} if propagation else {}
        options |= {"gracePeriodSeconds": grace_seconds} if grace_seconds is not None else {}
        return await self.request("DELETE", kind.path(namespace, name), body=options)

    async def delete_collection(self, kind: Kind, namespace: str = "", *, propagation: str = "") -> None:
        """Delete everything of the kind in the namespace."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= {"propagationPolicy": propagation} if propagation else {}
        await self.request("DELETE", kind.path(namespace), body=options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Json:
        """Any request that answers with one JSON object; discovery is read this way."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=CONNECT_SECONDS)
        data = None if body is None else msgspec.json.encode(body)
        sent = self._send(
            self._for_requests(), method, path, query, timeout=timeout, data=data, content_type=content_type
        )
        async with sent as answer:
            return _object(await answer.read(), path)

    @asynccontextmanager
    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        timeout: aiohttp.ClientTimeout,
        data: bytes | None = None,
        content_type: str = "",
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        headers = await self._authorization()
        if data is not None:
            headers["Content-Type"] = content_type
        url = self._config.server + path
        try:
            async with session.request(
                method, url, params=query or None, data=data, headers=headers, timeout=timeout
            ) as answer:
                if answer.status >= 300:
                    raise await _refused(answer)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(f"cannot ask the API server: {method} {url}: {why}") from error

    async def _authorization(self) -> dict[str, str]:
        token, file = self._config.token, self._config.token_file
        if file:
            try:
                token = (await asyncio.to_thread(file.read_text)).strip()
            except OSError as error:
                raise UnreachableError(f"cannot read the token for the API server: {error}") from error
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _for_requests(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._open(self._connections)
        return self._session

    def _for_watches(self) -> aiohttp.ClientSession:
        if self._watches is None:
            self._watches = self._open(0)
        return self._watches

    def _open(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=limit, ssl=self._config.tls or True)
        return aiohttp.ClientSession(connector=connector, headers=self._headers, trust_env=False)


async def _lines(answer: aiohttp.ClientResponse, kind: Kind) -> AsyncGenerator[bytes, None]:
    """Lines of any length: aiohttp's own readline gives up at 64 KiB."""
    rest = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        rest += chunk
        if b"\n" not in chunk:
            if len(rest) > _LONGEST_EVENT:
                raise UnreachableError(
                    f"cannot watch {kind}: an event is longer than {_LONGEST_EVENT >> 20} MiB"
                )
            continue
        *complete, tail = bytes(rest).split(b"\n")
        rest = bytearray(tail)
        for line in complete:
            if line.strip():
                yield line


async def _refused(answer: aiohttp.ClientResponse) -> ApiStatusError:
    text = await answer.read()
    try:
        status = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = None
    if not isinstance(status, dict):
        # A proxy in between, or a plain text error.
        status = {"message": text[:200].decode("utf-8", "replace").strip() or answer.reason or ""}
    return _refusal(answer.status, status)


def _refusal(code: int, status: Json) -> ApiStatusError:
    return ApiStatusError(code, status.get("reason", ""), status.get("message") or f"HTTP {code}", status)


def _object(text: bytes, path: str) -> Json:
    value = _decode(text, path)
    if not isinstance(value, dict):
        raise UnreachableError(f"cannot read the API server's answer to {path}: it is no JSON object")
    return value


def _decode(text: bytes, path: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreachableError(f"cannot read the API server's answer to {path}: {error}") from error


def _query(**values: str | int) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value}
