# SPDX-License-Identifier: Apache-2.0
"""Where the agent answers: a unix socket that only root may open, and HTTPS for the API server and for monitoring."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from agent.errors import AgentError
from agent.server.answers import Answers
from agent.server.certificate import ensure_self_signed, server_context
from agent.server.config import HttpsConfig
from agent.server.door import FIRST_REQUEST, Door
from agent.server.guard import Guard
from agent.server.refusals import tell_refusals
from agent.server.routes import make_app

BACKLOG = 256


@dataclass(frozen=True, slots=True)
class HttpsSite:
    """An address, a port (0: any free one), and the TLS to speak there."""

    host: str
    port: int
    context: ssl.SSLContext


@asynccontextmanager
async def unix_site(answers: Answers, socket: Path) -> AsyncIterator[None]:
    """Serve on a socket; a socket file left by a killed agent is replaced."""
    _make_way(socket)
    runner = web.AppRunner(make_app(answers), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        before = os.umask(0o177)
        try:
            await web.UnixSite(runner, str(socket)).start()
        finally:
            os.umask(before)
        yield
    finally:
        await runner.cleanup()


def _make_way(socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.unlink(missing_ok=True)


@asynccontextmanager
async def https_site(answers: Answers, guard: Guard, site: HttpsSite) -> AsyncIterator[int]:
    """Serve HTTPS; gives the port. Raises AgentError when nobody may listen there."""
    door = Door(guard)
    app = make_app(answers, [tell_refusals, door.middleware()], is_local=False)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    try:
        server = await _listen(runner, door, site)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, door: Door, site: HttpsSite) -> asyncio.Server:
    make = runner.server
    if make is None:
        raise AgentError("cannot serve HTTPS: the application is not set up")
    try:
        return await asyncio.get_running_loop().create_server(
            door.watched(make),
            site.host,
            site.port,
            ssl=site.context,
            backlog=BACKLOG,
            ssl_handshake_timeout=FIRST_REQUEST,
        )
    except OSError as error:
        raise AgentError(f"cannot listen on {site.host}:{site.port}: {error.strerror}") from error


async def find_site(config: HttpsConfig, node_name: str, addresses: tuple[str, ...]) -> HttpsSite:
    """What the configuration says, with a certificate of the node's own when it names none. Raises AgentError."""
    context = await asyncio.to_thread(_context, config, node_name, addresses)
    return HttpsSite(config.host, config.port, context)


def _context(config: HttpsConfig, node_name: str, addresses: tuple[str, ...]) -> ssl.SSLContext:
    if config.certificate and config.key:
        return server_context(config.certificate, config.key, config.client_authority)
    certificate, key = ensure_self_signed(config.pki, node_name, addresses, datetime.now(UTC))
    return server_context(certificate, key, config.client_authority)
