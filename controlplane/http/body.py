# SPDX-License-Identifier: Apache-2.0
"""Request bodies: read within bounds of size and time, decoded by content type."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import yaml
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from controlplane.errors import ApiError, bad_request, unsupported_media_type

MAX_BODY: Final = 3 << 20
"""Bytes; more is 413. As kube-apiserver's limit."""
READ_SECONDS: Final = 30.0
MAX_HELD: Final = 64 << 20
"""Bytes of bodies that are in memory at once; beyond it only small ones are read, so that heartbeats go on."""
SMALL: Final = 64 << 10
MAX_YAML_DEPTH: Final = 200

JSON: Final = "application/json"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_YAML: Final = ("application/yaml", "text/yaml", "application/x-yaml")

_CONTINUE: Final = "100-continue"

ProtobufDoor = Callable[[bytes], dict[str, Any]]
"""From the bytes of a protobuf body to the object in it; raises ApiError 400 and 415."""


@dataclass(slots=True)
class Bodies:
    """Receives bodies, each in so many seconds, and knows how many bytes of them are in memory."""

    most: int = MAX_HELD
    seconds: float = READ_SECONDS
    held: int = 0

    @asynccontextmanager
    async def received(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """Gives the request's body, and counts it as held until the end of the block.

        It is received before the request takes anybody's place: a slow client costs its own time. Raises ApiError 413
        when it is too large, 408 when it is too slow, 415 for compressed ones, 417 for other expectations than to go
        on, 429 when others hold all the memory there is for bodies.
        """
        _check_head(request)
        data = bytearray()
        try:
            await self._receive(request, data)
            yield bytes(data)
        finally:
            self.held -= len(data)

    async def _receive(self, request: web.BaseRequest, data: bytearray) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await _go_on(request)
                async for chunk in request.content.iter_any():
                    data += chunk
                    self.held += len(chunk)
                    self._check_size(len(data))
        except TimeoutError as error:
            raise ApiError(408, "Timeout", f"the body did not arrive within {self.seconds:.0f} s") from error
        except (HttpProcessingError, web.RequestPayloadError) as error:
            raise bad_request(f"cannot read the body: {error}") from error

    def _check_size(self, size: int) -> None:
        if size > MAX_BODY:
            raise too_large()
        if self.held > self.most and size > SMALL:
            raise ApiError(429, "TooManyRequests", "too much is being sent to this server", retry_after=1)


def too_large() -> ApiError:
    """413."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY} bytes")


def _check_head(request: web.BaseRequest) -> None:
    """What can be refused before anything of the body is here."""
    if (request.content_length or 0) > MAX_BODY:
        raise too_large()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise unsupported_media_type(
            f"cannot read a body with the encoding {encoding[:40]!r}: send it as it is"
        )
    expected = request.headers.get("Expect", "").strip().lower()
    if expected not in ("", _CONTINUE):
        raise ApiError(417, "ExpectationFailed", f"cannot meet the expectation {expected[:40]!r}")


async def _go_on(request: web.BaseRequest) -> None:
    """Say that the body may come, to a client that waits for it (RFC 9110, 10.1.1)."""
    if "Expect" in request.headers and request.version >= HttpVersion11 and request.body_exists:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer has not begun with that.
        request.writer.output_size = 0


def decode(data: bytes, content_type: str, protobuf: ProtobufDoor | None = None) -> Any:
    """Plain data of a body. Raises ApiError 400 for what is malformed, 415 for a type that is not read here."""
    kind = content_type.partition(";")[0].strip().lower() or JSON
    if kind == JSON:
        return decode_json(data)
    if kind in _YAML:
        return decode_yaml(data)
    if kind == PROTOBUF and protobuf is not None:
        return protobuf(data)
    known = f"{JSON}, {_YAML[0]}" + (f", {PROTOBUF}" if protobuf else "")
    raise unsupported_media_type(
        f"the body of the request was in an unknown format - accepted media types include: {known}"
    )


def decode_json(data: bytes) -> Any:
    """JSON. Raises ApiError 400."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise bad_request("the body is nested too deeply") from error


def decode_yaml(data: bytes) -> Any:
    """YAML of plain values, or JSON. Raises ApiError 400; aliases are refused, for they can grow without bound."""
    try:
        _check_yaml(data)
        # Through JSON: dates become text, keys become text, and what is not plain data is refused.
        return msgspec.json.decode(msgspec.json.encode(yaml.load(data, Loader=_Loader)))
    except (yaml.YAMLError, msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise bad_request(f"the body is not valid YAML: {str(error)[:500]}") from error
    except RecursionError as error:
        raise bad_request("the body is nested too deeply") from error


def _check_yaml(data: bytes) -> None:
    """Before anything is built: aliases can grow without bound, and depth would exhaust the loader's stack."""
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise bad_request("the body has YAML aliases, which are not read here: write the value out")
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > MAX_YAML_DEPTH:
            raise bad_request("the body is nested too deeply")


class _Loader(yaml.CSafeLoader):
    """Plain data without timestamps, which JSON does not know."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def doubled_fields(data: bytes, content_type: str) -> list[str]:
    """Names that are twice in one object of a JSON body (strict validation wants to know)."""
    if content_type.partition(";")[0].strip().lower() not in (JSON, ""):
        return []
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            found.extend(_twice(name for name, _ in pairs))
        return made

    json.loads(data, object_pairs_hook=note)
    return found


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubled: dict[str, None] = {}
    for name in names:
        if name in seen:
            doubled[name] = None
        seen.add(name)
    return list(doubled)
