# SPDX-License-Identifier: Apache-2.0
"""One client's connection: what it is at is told to guests.py, and what is no HTTP is answered with a Status."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from controlplane.errors import ApiError
from controlplane.http.guests import Guest, Guests, Stage
from controlplane.http.respond import refuse

_LOG: Final = logging.getLogger(__name__)

MAX_LINE: Final = 64 * 1024
"""Bytes of the request line and of each header: selectors of many names are long."""
MAX_HEADERS: Final = 128
_DAY: Final = 86_400
_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,
    "auto_decompress": False,
    "max_line_size": MAX_LINE,
    "max_field_size": MAX_LINE,
    "max_headers": MAX_HEADERS,
    # Both are the business of guests.py and of the socket's options.
    "keepalive_timeout": _DAY,
    "tcp_keepalive": False,
}


class Connection(web.RequestHandler):
    """Speaks HTTP with one client. Bodies come as they are sent: a compressed one could be of any size."""

    def __init__(self, server: web.Server, guest: Guest, guests: Guests) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_OPTIONS)
        self._guest = guest
        self._guests = guests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is done."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._guest.hang_up = lambda: _hang_up(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Gone, whoever ended it."""
        self._guests.leave(self._guest)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The first byte after quiet begins a request."""
        if self._guest.stage is Stage.QUIET:
            self._guests.move(self._guest, Stage.READING)
        super().data_received(data)

    def begin(self) -> None:
        """A request is being answered from now on."""
        self._guests.move(self._guest, Stage.ANSWERING)

    def recognize(self) -> None:
        """The client has shown who it is."""
        self._guest.known = True

    def end(self) -> None:
        """The request has its answer."""
        self._guests.move(self._guest, Stage.QUIET)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read, and close the connection: nothing behind it can be trusted."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has been sent already")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _LOG.error("cannot answer %s: %s", request.remote, message, exc_info=exc)
        else:
            _LOG.info("cannot read a request of %s: %r", request.remote, message)
        response = refuse(_refusal(status, exc))
        response.force_close()
        return response


def _hang_up(transport: asyncio.Transport) -> None:
    """Cleanly when nothing is left to be sent; who does not take what is sent does not take a farewell either."""
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()


def _refusal(status: int, exc: BaseException | None) -> ApiError:
    if isinstance(exc, LineTooLong):
        text = f"the request line or a header has more than {MAX_LINE} bytes"
        return ApiError(431, "RequestHeaderFieldsTooLarge", text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ApiError(500, "InternalError", "Internal error occurred: see the server's log")
    return ApiError(status, "BadRequest", "the request is not HTTP/1.1")


class Server(web.Server):
    """Makes connections by `meet`, each for one guest."""

    def meet(self, guest: Guest, guests: Guests) -> Connection:
        """The protocol of a new connection."""
        return Connection(self, guest, guests)


def connection_of(request: web.BaseRequest) -> Connection | None:
    """The connection that a request came by; None on a server that has others."""
    protocol: Any = request.protocol
    return protocol if isinstance(protocol, Connection) else None
