# SPDX-License-Identifier: Apache-2.0
"""Answers: objects, Tables, metadata and Status in the form that was agreed on."""

import re
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web

from controlplane.errors import ApiError
from controlplane.http.media import PLAIN, Form, Media
from controlplane.http.table import definitions, partial, row, table
from controlplane.verbs.stored import Stored

Json = dict[str, Any]

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_LONGEST_WARNING: Final = 1000
_MOST_WARNINGS: Final = 50


def body_of(answer: Stored | Json, media: Media, include: str) -> bytes:
    """One object, or any plain answer, as JSON in the form that was agreed on."""
    if isinstance(answer, Stored):
        return _object(answer, media, include)
    return msgspec.json.encode(answer)


def respond(
    data: bytes,
    media: Media = PLAIN,
    *,
    code: int = 200,
    pretty: bool = False,
    warnings: list[str] | None = None,
) -> web.Response:
    """A whole answer from JSON; pretty and YAML cost decoding it again."""
    if media.yaml:
        data = yaml.dump(msgspec.json.decode(data), Dumper=yaml.CSafeDumper, sort_keys=False).encode()
    elif pretty:
        data = msgspec.json.format(data, indent=2) + b"\n"
    response = web.Response(body=data, status=code, headers={"Content-Type": media.content_type})
    add_headers(response, warnings or [])
    return response


def refuse(error: ApiError) -> web.Response:
    """An error as a metav1.Status. It is always JSON: the refusal may be about the form itself."""
    response = respond(msgspec.json.encode(error.to_status()), code=error.code)
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def add_headers(response: web.StreamResponse, warnings: list[str]) -> None:
    """What every answer has: no caching, and the warnings (RFC 7234, code 299), each once."""
    response.headers["Cache-Control"] = "no-cache, private"
    for text in list(dict.fromkeys(warnings))[:_MOST_WARNINGS]:
        plain = _UNPRINTABLE.sub(" ", text)[:_LONGEST_WARNING]
        escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')


def success(resource_group: str, plural: str, name: str, uid: str) -> Json:
    """metav1.Status of a deletion that is done."""
    details = {"name": name, "group": resource_group, "kind": plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def _object(stored: Stored, media: Media, include: str) -> bytes:
    if media.form is Form.TABLE:
        metadata = {"resourceVersion": str(stored.revision)} if stored.revision else {}
        rows = [row(stored, media.version, include)]
        return msgspec.json.encode(table(media.version, metadata, definitions(stored.resource), rows))
    if media.form is Form.METADATA:
        return msgspec.json.encode(partial(stored.to_object(), media.version))
    return stored.to_bytes()
