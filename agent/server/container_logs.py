# SPDX-License-Identifier: Apache-2.0
"""GET /containerLogs/{namespace}/{pod}/{container}: what a container wrote, with the options of the API's pods/log."""

import time
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

from aiohttp import web

from agent.logs.follow import open_cursor, read_log
from agent.logs.record import STREAMS
from agent.logs.select import LogOptions
from agent.pod.model import ObservedContainer
from agent.server.answers import ANSWERS, Found, find_pod
from cri.model import ContainerState

_SECOND = 1_000_000_000
_TRUE = ("true", "1")
_STREAM_SETS = {
    "": frozenset(STREAMS),
    "All": frozenset(STREAMS),
    "Stdout": frozenset({b"stdout"}),
    "Stderr": frozenset({b"stderr"}),
}


async def container_logs(request: web.Request) -> web.StreamResponse:
    """Plain text, in pieces; with follow until the container ends."""
    options = read_options(request.query, time.time())
    follow = _flag(request.query, "follow")
    found = find_pod(request)
    container = _attempt(found, request.match_info["container"], previous=_flag(request.query, "previous"))
    container_id = container.status.id
    manager = request.app[ANSWERS].manager

    def is_running() -> bool:
        view = manager.views.get(found.key)
        containers = view.observed.containers if view else ()
        return any(c.status.id == container_id and c.is_alive for c in containers)

    try:
        cursor = await open_cursor(Path(container.status.log_path), options)
    except OSError as error:
        why = error.strerror or "there is no such file"
        raise web.HTTPInternalServerError(
            text=f"cannot read log {container.status.log_path}: {why}\n"
        ) from error
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    async with aclosing(read_log(cursor, is_running, follow=follow)) as pieces:
        async for piece in pieces:
            await response.write(piece)
    return response


def read_options(query: Mapping[str, str], now: float) -> LogOptions:
    """PodLogOptions of a query; now is in seconds since the epoch. Raises HTTPBadRequest."""
    if "sinceSeconds" in query and "sinceTime" in query:
        raise web.HTTPBadRequest(text="at most one of sinceTime or sinceSeconds may be specified\n")
    seconds = _number(query, "sinceSeconds", least=1)
    since = int((now - seconds) * _SECOND) if seconds is not None else _time(query)
    streams = query.get("stream", "")
    if streams not in _STREAM_SETS:
        raise web.HTTPBadRequest(text=f"stream has to be All, Stdout or Stderr, not {streams[:40]!r}\n")
    return LogOptions(
        since=since,
        tail=_number(query, "tailLines", least=0),
        limit=_number(query, "limitBytes", least=1),
        timestamps=_flag(query, "timestamps"),
        streams=_STREAM_SETS[streams],
    )


def _attempt(found: Found, name: str, *, previous: bool) -> ObservedContainer:
    """The container whose log is meant. Raises HTTPNotFound, HTTPBadRequest."""
    newest = found.newest(name)
    if not previous:
        if newest.status.state is not ContainerState.CREATED:
            return newest
    elif newest.status.state is ContainerState.EXITED and name in found.view.waiting:
        # It waits to be started again: the one that ended last is the previous one.
        return newest
    ended = [
        c
        for c in found.view.observed.containers
        if c.status.name == name
        and c.status.id != newest.status.id
        and c.status.state is ContainerState.EXITED
    ]
    if not ended:
        what = "previous terminated container" if previous else "container"
        state = "not found" if previous else "is waiting to start: ContainerCreating"
        raise web.HTTPBadRequest(text=f'{what} "{name}" in pod "{found.key.name}" {state}\n')
    return max(ended, key=lambda c: (c.status.attempt, c.status.created_at))


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") in _TRUE


def _number(query: Mapping[str, str], name: str, *, least: int) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least or len(text) > 18:
        raise web.HTTPBadRequest(text=f"{name} has to be a number of {least} or more, not {text[:40]!r}\n")
    return number


def _time(query: Mapping[str, str]) -> int:
    text = query.get("sinceTime", "")
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPBadRequest(
            text=f"sinceTime has to be a time of RFC 3339, not {text[:40]!r}\n"
        ) from None
    if moment.tzinfo is None:
        raise web.HTTPBadRequest(text=f"sinceTime needs a time zone: {text[:40]!r}\n")
    return max(0, int(moment.timestamp() * _SECOND))
