# SPDX-License-Identifier: Apache-2.0
"""Watch events as lines of JSON, in the form that a client asked for; each line is made once for all watches."""

from collections import OrderedDict
from typing import Any, Final

import msgspec

from controlplane.errors import ApiError
from controlplane.http.media import Form, Media
from controlplane.http.table import definitions, partial, row, table
from controlplane.registry.resource import Resource
from controlplane.verbs.stored import Stored
from controlplane.verbs.watch import Event, EventType

Json = dict[str, Any]

INITIAL_END: Final = "k8s.io/initial-events-end"
_KEPT: Final = 1024


class Lines:
    """Lines of recent events in the forms that cost something (Tables, metadata, converted versions)."""

    def __init__(self) -> None:
        self._lines: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def render(self, event: Event, resource: Resource, media: Media, include: str, *, first: bool) -> bytes:
        """The line of an event. first: a Table has its columns only once in a watch."""
        if event.stored is None:
            return bookmark(event, resource, media)
        if media.form is Form.WHOLE and resource.from_storage is None:
            return b'{"type":"%b","object":%b}\n' % (event.type.encode(), event.stored.to_bytes())
        mark = (event.revision, event.type, resource.group, media, include, first)
        line = self._lines.get(mark)
        if line is None or event.type is EventType.ADDED:
            line = self._lines[mark] = _line(event.type, _told(event.stored, media, include, first=first))
            if len(self._lines) > _KEPT:
                self._lines.popitem(last=False)
        return line


def bookmark(event: Event, resource: Resource, media: Media) -> bytes:
    """A BOOKMARK: an object of the kind with nothing but a revision."""
    metadata: Json = {"resourceVersion": str(event.revision), "creationTimestamp": None}
    if event.initial_end:
        metadata["annotations"] = {INITIAL_END: "true"}
    obj: Json = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    if media.form is Form.TABLE:
        rows = [{"cells": [], "object": partial(obj, media.version)}] if event.initial_end else []
        obj = table(media.version, {"resourceVersion": str(event.revision)}, None, rows)
    elif media.form is not Form.WHOLE:
        obj = partial(obj, media.version)
    return _line(EventType.BOOKMARK, msgspec.json.encode(obj))


def failure(error: ApiError) -> bytes:
    """An ERROR event: the last of its stream."""
    return _line("ERROR", msgspec.json.encode(error.to_status()))


def _told(stored: Stored, media: Media, include: str, *, first: bool) -> bytes:
    if media.form is Form.TABLE:
        columns = definitions(stored.resource) if first else None
        metadata = {"resourceVersion": str(stored.revision)}
        return msgspec.json.encode(
            table(media.version, metadata, columns, [row(stored, media.version, include)])
        )
    if media.form is Form.WHOLE:
        return stored.to_bytes()
    return msgspec.json.encode(partial(stored.to_object(), media.version))


def _line(kind: str, obj: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), obj)
