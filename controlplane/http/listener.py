# SPDX-License-Identifier: Apache-2.0
"""Takes connections, a few at a time, so that a flood of them delays nobody who is connected already."""

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from controlplane.http.connection import Connection, Server
from controlplane.http.guests import Guest, Guests

_LOG: Final = logging.getLogger(__name__)

BACKLOG: Final = 1024
BURST: Final = 8
"""Connections that are taken in one turn of the event loop: the handshakes of a turn take some milliseconds."""
SHUTDOWN_SECONDS: Final = 2.0
"""How long a client may take to agree to the end of TLS."""
_SWEEP_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 1.0
_FULL_SECONDS: Final = 0.1
_SAY_SECONDS: Final = 10.0
# A client that is gone without a word is noticed after about a minute, whether data is on the way to it or not.
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
_UNACKNOWLEDGED_MILLISECONDS: Final = 60_000
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """The sockets of a server, and the tasks that take connections from them."""

    def __init__(self, server: Server, guests: Guests, tls: ssl.SSLContext | None) -> None:
        """tls None: plain HTTP, for tests."""
        self._server = server
        self._guests = guests
        self._tls = tls
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = 0.0
        self.handshake_failures = 0

    @property
    def ports(self) -> list[int]:
        """Of the sockets, in the order in which they were added."""
        return [each.getsockname()[1] for each in self._sockets]

    async def bind(self, address: str, port: int) -> None:
        """Listen at an address or name; port 0: any. Raises OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
        for family, _, _, _, place in dict.fromkeys(found):
            self.listen(socket.create_server(place[:2], family=family, backlog=BACKLOG))

    def listen(self, bound: socket.socket) -> None:
        """Take connections from a bound socket, which is the listener's from now on."""
        bound.listen(BACKLOG)
        bound.settimeout(0)
        if not self._tasks:
            self._start(self._sweep())
        self._sockets.append(bound)
        self._start(self._take(bound))

    async def close(self, seconds: float) -> None:
        """Take no more, give what is being answered so many seconds, and hang up."""
        await self._stop_taking()
        self._server.pre_shutdown()
        try:
            # aiohttp waits once for answers, and once more after it has cancelled them.
            async with asyncio.timeout(seconds + _CANCEL_SECONDS):
                await self._server.shutdown(seconds)
        except TimeoutError:
            _LOG.warning("hung up on clients that took too long: %d", len(self._guests))
        except Exception:  # noqa: BLE001 - what one connection fails with must not keep the server from stopping
            _LOG.exception("a connection did not end cleanly")
        self._guests.dismiss_all()

    async def _stop_taking(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(BURST):
                try:
                    client, _ = await loop.sock_accept(bound)
                except OSError as error:
                    await self._failed(error)
                else:
                    self._welcome(client)
            await asyncio.sleep(0)

    async def _failed(self, error: OSError) -> None:
        """A client that left before it was taken is nothing; without descriptors there is a wait for some."""
        if error.errno in _NO_ROOM:
            self._say(f"cannot take a connection: {error.strerror}; allow more open files (RLIMIT_NOFILE)")
            await asyncio.sleep(_FULL_SECONDS)

    def _welcome(self, client: socket.socket) -> None:
        guest = self._guests.admit(lambda: _shut(client))
        if guest is None:
            self._say(
                f"refused a connection: all {self._guests.most} are being answered; "
                "allow more open files (RLIMIT_NOFILE)"
            )
            client.close()
            return
        _set_options(client)
        self._start(self._meet(client, guest))

    async def _meet(self, client: socket.socket, guest: Guest) -> None:
        loop = asyncio.get_running_loop()
        timeouts = {
            "ssl_handshake_timeout": self._guests.patience.head if self._tls else None,
            "ssl_shutdown_timeout": SHUTDOWN_SECONDS if self._tls else None,
        }
        try:
            await loop.connect_accepted_socket(
                lambda: self._connection(guest), client, ssl=self._tls, **timeouts
            )
        except (OSError, TimeoutError) as error:
            self.handshake_failures += 1
            self._guests.leave(guest)
            client.close()
            _LOG.debug("a client failed to begin: %s", error)

    def _connection(self, guest: Guest) -> Connection:
        return self._server.meet(guest, self._guests)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._guests.sweep()

    def _say(self, text: str) -> None:
        """Once in a while: a flood must not fill the log, too."""
        if time.monotonic() >= self._said + _SAY_SECONDS:
            self._said = time.monotonic()
            _LOG.warning("%s", text)


def _shut(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _set_options(client: socket.socket) -> None:
    if client.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            client.setsockopt(socket.IPPROTO_TCP, name, value)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MILLISECONDS)
