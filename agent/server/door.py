# SPDX-License-Identifier: Apache-2.0
"""What every HTTPS request passes: who asks, whether they may; and connections that say nothing are closed."""

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.server.guard import Guard, UndecidedError
from agent.server.identity import User, access, of_certificate
from agent.server.metrics import METRICS

log = logging.getLogger("orlop.agent")

# A connection whose first request has not come whole after so many seconds is closed, handshake included.
FIRST_REQUEST = 15.0
_LONG = ("exec", "attach", "portForward", "containerLogs", "run")


class Door:
    """The guard at the port."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        # Connections without a request, by id: each is held by its timer as long as it is here.
        self._silent: set[int] = set()

    def middleware(self) -> Middleware:
        """For the application: before everything that answers."""

        @web.middleware
        async def pass_door(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._silent.discard(id(request.protocol))
            await self._check(request)
            return await _counted(request, handler)

        return pass_door

    def watched(self, make: Callable[[], asyncio.BaseProtocol]) -> Callable[[], asyncio.BaseProtocol]:
        """A factory of protocols of which those that begin no request are ended."""

        def protocol() -> asyncio.BaseProtocol:
            made = make()
            self._silent.add(id(made))
            asyncio.get_running_loop().call_later(FIRST_REQUEST, self._end_silent, made)
            return made

        return protocol

    def _end_silent(self, protocol: asyncio.BaseProtocol) -> None:
        if id(protocol) not in self._silent:
            return
        self._silent.discard(id(protocol))
        transport = getattr(protocol, "transport", None)
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    async def _check(self, request: web.Request) -> None:
        """Raises HTTPUnauthorized, HTTPForbidden, and HTTPServiceUnavailable when that cannot be said now."""
        wanted = access(request.method, request.path)
        if wanted is None:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "POST"], text="Method not allowed\n")
        try:
            user = await self._user(request)
            if user is None:
                raise web.HTTPUnauthorized(text="Unauthorized\n")
            refusal = await self._guard.refusal(user, wanted)
        except UndecidedError as error:
            log.warning("cannot decide on %s %s: %s", request.method, request.path, error)
            raise web.HTTPServiceUnavailable(
                text="Authorization cannot be decided: the API server does not answer\n"
            ) from error
        if refusal is not None:
            log.info("%s %s is refused: %s", request.method, request.path, refusal)
            raise web.HTTPForbidden(text=f"{refusal}\n")

    async def _user(self, request: web.Request) -> User | None:
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        if certificate and (user := of_certificate(certificate.get("subject"))):
            return user
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        return await self._guard.user_of_token(token) if kind.lower() == "bearer" and token else None


async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counted by the first part of the route's path: what clients make up is no label."""
    started = time.monotonic()
    resource = request.match_info.route.resource
    path = resource.canonical.split("/")[1] if resource else "unknown"
    try:
        return await handler(request)
    finally:
        seconds = time.monotonic() - started
        request.app[METRICS].count(request.method, path, is_long=path in _LONG, seconds=seconds)
