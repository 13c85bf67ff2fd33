# SPDX-License-Identifier: Apache-2.0
"""Requests about resources: each verb's body and options in, its answer out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aiohttp import web

from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request, method_not_supported
from controlplane.http import body as bodies
from controlplane.http.list_response import SEND_SECONDS, send_list
from controlplane.http.media import PLAIN, Form, Media, negotiate
from controlplane.http.options import flag, list_options, number, watch_options
from controlplane.http.respond import body_of, respond, success
from controlplane.http.streams import Streams
from controlplane.http.table import INCLUDE
from controlplane.http.watch_lines import Lines
from controlplane.http.watch_response import WatchRequest, send_watch
from controlplane.verbs.call import Call, FieldValidation
from controlplane.verbs.create import create
from controlplane.verbs.delete import delete
from controlplane.verbs.deletecollection import delete_collection
from controlplane.verbs.deletion_options import DeleteOptions, parse_delete_options
from controlplane.verbs.get import get
from controlplane.verbs.intake import take_in
from controlplane.verbs.list import Listing, list_objects
from controlplane.verbs.patch import patch, patcher_of
from controlplane.verbs.review import is_review, review
from controlplane.verbs.specials import special_of
from controlplane.verbs.stored import Stored
from controlplane.verbs.subresources import Special
from controlplane.verbs.update import update

Json = dict[str, Any]

_OBJECTS: Final = (Form.WHOLE, Form.TABLE, Form.METADATA)
_LISTS: Final = (Form.WHOLE, Form.TABLE, Form.METADATA_LIST)


@dataclass(slots=True)
class Resources:
    """Answers requests about resources, which are authorized by now."""

    engine: Engine
    streams: Streams
    protobuf: bodies.ProtobufDoor | None = None
    lines: Lines = field(default_factory=Lines)
    send_seconds: float = SEND_SECONDS

    async def answer(self, request: web.BaseRequest, call: Call, body: bytes) -> web.StreamResponse:
        """Do what is asked, but for a watch. Raises ApiError."""
        match call.attributes.verb:
            case "list":
                return await self._list(request, call)
            case "deletecollection":
                return await self._delete_collection(request, call, body)
            case "delete":
                return await self._delete(request, call, body)
            case "get":
                return await self._get(request, call)
            case "patch":
                return await self._patch(request, call, body)
        return await self._write(request, call, body)

    async def _get(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        media = _media(request, _OBJECTS)
        special = special_of(call)
        answer: Stored | Json
        if special is not None:
            if special.get is None:
                raise _no_verb(call)
            answer = await special.get(self.engine, call)
        else:
            answer = await get(self.engine, call, request.query.get("resourceVersion", ""))
        return _one(request, call, answer, media, 200)

    async def _list(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        media = _media(request, _LISTS)
        options = list_options(request.query, call.resource)
        listing = await list_objects(self.engine, call, options)
        return await send_list(
            request,
            call.resource,
            listing,
            media,
            include=_include(request.query),
            pretty=flag(request.query, "pretty"),
            warnings=call.warnings,
            seconds=self.send_seconds,
        )

    async def watch(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        """A stream of changes, until it ends. Raises ApiError."""
        media = _media(request, tuple(Form))
        options = watch_options(request.query, call.resource)
        seconds = number(request.query, "timeoutSeconds")
        asked = WatchRequest(call, options, media, _include(request.query), seconds)
        return await send_watch(request, self.engine, self.streams, self.lines, asked)

    async def _write(self, request: web.BaseRequest, call: Call, body: bytes) -> web.StreamResponse:
        """create and update."""
        media = _media(request, _OBJECTS)
        data, doubled = self._decoded(request, call, body)
        special = special_of(call)
        if special is not None:
            return await self._special(request, call, special, data)
        if is_review(call):
            return _one(request, call, await review(self.engine, call, data), PLAIN, 201)
        obj = take_in(call, data, doubled=doubled)
        if call.attributes.verb == "create":
            if call.subresource is not None:
                raise _no_verb(call)
            return _one(request, call, await create(self.engine, call, obj), media, 201)
        stored, created = await update(self.engine, call, obj)
        return _one(request, call, stored, media, 201 if created else 200)

    async def _special(
        self, request: web.BaseRequest, call: Call, special: Special, data: Any
    ) -> web.StreamResponse:
        is_create = call.attributes.verb == "create"
        act = special.create if is_create else special.update
        if act is None:
            raise _no_verb(call)
        return _one(request, call, await act(self.engine, call, data), PLAIN, 201 if is_create else 200)

    async def _patch(self, request: web.BaseRequest, call: Call, body: bytes) -> web.StreamResponse:
        media = _media(request, _OBJECTS)
        patcher = patcher_of(request.headers.get("Content-Type", ""))
        data = bodies.decode_yaml(body) if patcher is None else bodies.decode_json(body)
        special = special_of(call)
        if special is not None:
            if special.patch is None:
                raise _no_verb(call)
            answer = await special.patch(self.engine, call, patcher, data)
            return _one(request, call, answer, media, 200)
        stored, created = await patch(self.engine, call, patcher, data)
        return _one(request, call, stored, media, 201 if created else 200)

    async def _delete(self, request: web.BaseRequest, call: Call, body: bytes) -> web.StreamResponse:
        media = _media(request, _OBJECTS)
        options, call = self._delete_options(request, call, body)
        stored, gone = await delete(self.engine, call, options)
        if not gone:
            return _one(request, call, stored, media, 200)
        uid = stored.in_storage_version()["metadata"].get("uid", "")
        done = success(call.resource.group, call.resource.plural, call.name, uid)
        return _one(request, call, done, media, 200)

    async def _delete_collection(
        self, request: web.BaseRequest, call: Call, body: bytes
    ) -> web.StreamResponse:
        media = _media(request, _LISTS)
        selected = list_options(request.query, call.resource)
        options, call = self._delete_options(request, call, body)
        deleted, revision = await delete_collection(self.engine, call, selected, options)
        listing = Listing(revision, _chunks(deleted))
        return await send_list(
            request,
            call.resource,
            listing,
            media,
            include=_include(request.query),
            warnings=call.warnings,
            seconds=self.send_seconds,
        )

    def _delete_options(
        self, request: web.BaseRequest, call: Call, body: bytes
    ) -> tuple[DeleteOptions, Call]:
        content_type = request.headers.get("Content-Type", "")
        data = bodies.decode(body, content_type, self.protobuf) if body.strip() else None
        options = parse_delete_options(data, request.query)
        dry_run = options.dry_run or call.options.dry_run
        asked = replace(call, options=replace(call.options, dry_run=dry_run))
        return replace(options, dry_run=dry_run), asked

    def _decoded(self, request: web.BaseRequest, call: Call, body: bytes) -> tuple[Any, list[str]]:
        content_type = request.headers.get("Content-Type", "")
        data = bodies.decode(body, content_type, self.protobuf)
        if call.options.field_validation is FieldValidation.IGNORE:
            return data, []
        return data, bodies.doubled_fields(body, content_type)


def _no_verb(call: Call) -> ApiError:
    sub = f"/{call.subresource.name}" if call.subresource else ""
    return method_not_supported(call.resource.group, call.resource.plural + sub, call.attributes.verb)


def _media(request: web.BaseRequest, forms: tuple[Form, ...]) -> Media:
    return negotiate(request.headers.get("Accept", ""), forms=forms)


def _include(query: Mapping[str, str]) -> str:
    include = query.get("includeObject") or "Metadata"
    if include not in INCLUDE:
        raise bad_request(f"includeObject has to be one of {', '.join(INCLUDE)}, not {include[:40]!r}")
    return include


def _one(
    request: web.BaseRequest, call: Call, answer: Stored | Json, media: Media, code: int
) -> web.StreamResponse:
    data = body_of(answer, media, _include(request.query))
    return respond(data, media, code=code, pretty=flag(request.query, "pretty"), warnings=call.warnings)


async def _chunks(found: list[Stored]) -> AsyncIterator[list[Stored]]:
    yield found
