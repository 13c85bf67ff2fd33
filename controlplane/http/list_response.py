# SPDX-License-Identifier: Apache-2.0
"""Lists on the wire: items are joined as bytes, and a long list is sent while it is read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from aiohttp import web

from controlplane.http.gzip import FROM_BYTES, HEADERS, Gzip, accepts, compressed
from controlplane.http.media import Form, Media
from controlplane.http.respond import add_headers, respond
from controlplane.http.table import definitions, partial, row
from controlplane.registry.resource import Resource
from controlplane.verbs.list import Listing
from controlplane.verbs.stored import Stored

Json = dict[str, Any]

WHOLE: Final = 256 * 1024
"""Bytes up to which an answer is sent in one piece, with its length."""
SEND_SECONDS: Final = 60.0
"""How long a client may take to receive a list: until then it keeps a seat, and a snapshot of the store."""

PART: Final = 64 * 1024
"""Bytes that are made and sent at a time: what goes through TLS is copied several times on its way."""

_END: Final = b"]}"


async def send_list(
    request: web.BaseRequest,
    resource: Resource,
    listing: Listing,
    media: Media,
    *,
    include: str = "Metadata",
    pretty: bool = False,
    warnings: list[str] | None = None,
    seconds: float = SEND_SECONDS,
) -> web.StreamResponse:
    """Answer with a list, which the client has to take within so many seconds.

    What goes wrong after the first part was sent closes the connection.
    """
    parts = _parts(resource, listing, media, include)
    buffer = bytearray()
    whole = media.yaml or pretty
    packer = Gzip() if accepts(request.headers.get("Accept-Encoding", "")) else None
    async for part in parts:
        buffer += part
        if len(buffer) > WHOLE and not whole:
            response = web.StreamResponse(headers={"Content-Type": media.content_type})
            add_headers(response, warnings or [])
            response.headers.update(HEADERS if packer else {})
            await response.prepare(request)
            if request.method != "HEAD":
                await _stream(request, response, _packed(buffer, parts, packer), seconds)
            return response
    response = respond(bytes(buffer), media, pretty=pretty, warnings=warnings)
    if packer and isinstance(response.body, bytes) and len(response.body) >= FROM_BYTES:
        response.body = compressed(response.body)
        response.headers.update(HEADERS)
    return response


async def _packed(
    begun: bytearray, parts: AsyncIterator[bytes], packer: Gzip | None
) -> AsyncIterator[bytes | bytearray]:
    """What was read already and the rest, as it goes on the wire."""
    yield packer.add(begun) if packer else begun
    async for part in parts:
        yield packer.add(part) if packer else part
    if packer:
        yield packer.end()


async def _stream(
    request: web.BaseRequest,
    response: web.StreamResponse,
    parts: AsyncIterator[bytes | bytearray],
    seconds: float,
) -> None:
    try:
        async with asyncio.timeout(seconds):
            async for part in parts:
                if part:
                    await response.write(part)
                # A client that keeps up would never let anybody else have a turn.
                await asyncio.sleep(0)
            await response.write_eof()
    except TimeoutError as error:
        # Half a list is nothing: the client has to see that it is broken.
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionError(f"the client did not take the list within {seconds:.0f} s") from error


async def _parts(resource: Resource, listing: Listing, media: Media, include: str) -> AsyncIterator[bytes]:
    """The list's JSON, about PART bytes at a time."""
    part = bytearray(_head(resource, listing, media))
    separator = b""
    async for chunk in listing.chunks:
        for stored in chunk:
            part += separator
            part += item(stored, media, include)
            separator = b","
            if len(part) >= PART:
                yield bytes(part)
                part.clear()
    yield bytes(part + _END)


def _head(resource: Resource, listing: Listing, media: Media) -> bytes:
    """Everything before the first item."""
    meta_version = f"meta.k8s.io/{media.version}"
    names = {
        Form.WHOLE: (f"{resource.kind}List", resource.api_version, "items"),
        Form.TABLE: ("Table", meta_version, "rows"),
    }
    kind, version, items = names.get(media.form, ("PartialObjectMetadataList", meta_version, "items"))
    data: Json = {"kind": kind, "apiVersion": version, "metadata": _metadata(listing)}
    if media.form is Form.TABLE:
        data["columnDefinitions"] = definitions(resource)
    return msgspec.json.encode({**data, items: []})[: -len(_END)]


def _metadata(listing: Listing) -> Json:
    metadata: Json = {"resourceVersion": str(listing.revision)}
    if listing.token:
        metadata["continue"] = listing.token
        if listing.remaining:
            metadata["remainingItemCount"] = listing.remaining
    return metadata


def item(stored: Stored, media: Media, include: str) -> bytes:
    """One item of a list in this form."""
    if media.form is Form.WHOLE:
        return stored.to_bytes()
    if media.form is Form.TABLE:
        return msgspec.json.encode(row(stored, media.version, include))
    return msgspec.json.encode(partial(stored.to_object(), media.version))
