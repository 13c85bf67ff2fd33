# SPDX-License-Identifier: Apache-2.0
"""exec, attach, port-forward and run: the runtime gives a URL, and the client's connection is spliced to it."""

import shlex
from collections.abc import Awaitable, Mapping
from typing import TypedDict

from aiohttp import web
from multidict import MultiMapping

from agent.server.answers import ANSWERS, find_pod
from agent.server.stream import splice
from cri import CriError, NotFound
from cri.model import SandboxState

_TRUE = ("true", "1")
# Seconds that a command of /run may take.
RUN_SECONDS = 300


async def exec_(request: web.Request) -> web.StreamResponse:
    """Run a command in a container: ?command=…&input=1&output=1&error=1&tty=1 (or stdin, stdout, stderr)."""
    container_id = find_pod(request).running(request.match_info["container"])
    _needs_upgrade(request)
    command = tuple(request.query.getall("command", []))
    if not command:
        raise web.HTTPBadRequest(text="no command given: add ?command=… once for each word\n")
    url = request.app[ANSWERS].runtime.exec_url(container_id, command, **_streams(request.query))
    return await splice(request, await _url(url))


async def attach(request: web.Request) -> web.StreamResponse:
    """The streams of a container's first process."""
    container_id = find_pod(request).running(request.match_info["container"])
    _needs_upgrade(request)
    url = request.app[ANSWERS].runtime.attach_url(container_id, **_streams(request.query))
    return await splice(request, await _url(url))


async def port_forward(request: web.Request) -> web.StreamResponse:
    """Connections to the pod's ports; the client names them as it opens each, or in ?port=…"""
    found = find_pod(request)
    _needs_upgrade(request)
    ready = [s.id for s in found.view.observed.sandboxes if s.state is SandboxState.READY]
    if not ready:
        raise web.HTTPConflict(text=f"pod {found.key} does not run now\n")
    ports = [_port(text) for text in request.query.getall("port", [])]
    return await splice(request, await _url(request.app[ANSWERS].runtime.port_forward_url(ready[0], ports)))


async def run(request: web.Request) -> web.Response:
    """POST ?cmd=…: run one command, which is split as a shell does, and answer with what it printed."""
    container_id = find_pod(request).running(request.match_info["container"])
    try:
        command = shlex.split(request.query.get("cmd", ""))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"cannot read cmd: {error}\n") from error
    if not command:
        raise web.HTTPBadRequest(text="no command given: add ?cmd=…\n")
    try:
        done = await request.app[ANSWERS].runtime.exec_sync(container_id, command, timeout=RUN_SECONDS)
    except CriError as error:
        raise web.HTTPInternalServerError(text=f"{error}\n") from error
    output = done.stdout + done.stderr
    if done.exit_code:
        output += f"command terminated with exit code {done.exit_code}\n".encode()
        return web.Response(status=500, body=output, content_type="text/plain")
    return web.Response(body=output, content_type="text/plain")


def _needs_upgrade(request: web.Request) -> None:
    if "Upgrade" not in request.headers:
        text = "this needs an upgraded connection: a websocket, or SPDY/3.1\n"
        raise web.HTTPBadRequest(text=text)


class _Streams(TypedDict):
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


def _streams(query: MultiMapping[str]) -> _Streams:
    """The streams that are wanted; with a terminal there is no separate error stream."""
    tty = _flag(query, "tty", "tty")
    wanted = _Streams(
        stdin=_flag(query, "input", "stdin"),
        stdout=_flag(query, "output", "stdout"),
        stderr=_flag(query, "error", "stderr") and not tty,
        tty=tty,
    )
    if not (wanted["stdin"] or wanted["stdout"] or wanted["stderr"]):
        raise web.HTTPBadRequest(text="you must specify at least 1 of stdin, stdout, stderr\n")
    return wanted


def _flag(query: Mapping[str, str], *names: str) -> bool:
    return any(query.get(name, "") in _TRUE for name in names)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536:
        return int(text)
    raise web.HTTPBadRequest(text=f"{text[:40]!r} is no port\n")


async def _url(asked: Awaitable[str]) -> str:
    try:
        return await asked
    except NotFound as error:
        raise web.HTTPNotFound(text=f"{error}\n") from error
    except CriError as error:
        raise web.HTTPInternalServerError(text=f"{error}\n") from error
