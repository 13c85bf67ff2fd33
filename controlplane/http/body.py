# SPDX-License-Identifier: Apache-2.0
"""Request bodies: read within bounds of size and time, decoded by content type."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from controlplane.errors import ApiError, bad_request, unsupported_media_type

MAX_BODY: Final = 3 << 20
"""Bytes; more is 413. As kube-apiserver's limit."""
READ_SECONDS: Final = 30.0
MAX_YAML_DEPTH: Final = 200

JSON: Final = "application/json"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_YAML: Final = ("application/yaml", "text/yaml", "application/x-yaml")

ProtobufDoor = Callable[[bytes], dict[str, Any]]
"""From the bytes of a protobuf body to the object in it; raises ApiError 400 and 415."""


async def read(request: web.BaseRequest) -> bytes:
    """The whole body. Raises ApiError 413 when it is too large, 408 when the client is too slow."""
    too_large = ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_BODY} bytes")
    if (request.content_length or 0) > MAX_BODY:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > MAX_BODY:
                    raise too_large
    except TimeoutError as error:
        raise ApiError(408, "Timeout", f"the body did not arrive within {READ_SECONDS:.0f} s") from error
    except (HttpProcessingError, web.RequestPayloadError) as error:
        raise bad_request(f"cannot read the body: {error}") from error
    return bytes(data)


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
