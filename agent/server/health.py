# SPDX-License-Identifier: Apache-2.0
"""GET /healthz, /healthz/ping, /healthz/syncloop, and /configz."""

from aiohttp import web

from agent.server.answers import ANSWERS
from cri import CriError


async def healthz(request: web.Request) -> web.Response:
    """200 "ok" while the runtime answers; 503 with its words otherwise."""
    try:
        await request.app[ANSWERS].runtime.version()
    except CriError as error:
        return web.Response(status=503, text=f"{error}\n")
    return web.Response(text="ok\n")


async def ping(_request: web.Request) -> web.Response:
    """200 "ok": this process answers."""
    return web.Response(text="ok\n")


async def sync_loop(request: web.Request) -> web.Response:
    """200 "ok" once everything that the runtime holds was looked at."""
    if not request.app[ANSWERS].manager.looked.is_set():
        return web.Response(status=503, text="the runtime was not looked at yet\n")
    return web.Response(text="ok\n")


async def configz(request: web.Request) -> web.Response:
    """{"kubeletconfig": …}: what this node was told, by the names of KubeletConfiguration."""
    return web.json_response({"kubeletconfig": dict(request.app[ANSWERS].config)})
