# SPDX-License-Identifier: Apache-2.0
"""The server's TLS context, and whom a verified client certificate names."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from controlplane.auth.errors import PkiError
from controlplane.auth.pki import Pair, Pki
from controlplane.request import User

_LOG = logging.getLogger(__name__)
_LONGEST_SLEEP_SECONDS: Final = 3600.0


def _now() -> datetime:
    return datetime.now(UTC)


class Serving:
    """The API server's certificate, renewed while the server runs: new connections get the new one."""

    def __init__(
        self,
        pki: Pki,
        hosts: tuple[str, ...],
        addresses: tuple[str, ...],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """hosts and addresses are all names that clients may call the server by."""
        self._pki = pki
        self._names = (hosts, addresses)
        self._clock = clock
        self._pair = pki.serving(hosts, addresses, clock())
        self.context = server_context(self._pair, pki.ca_path)

    def refresh(self) -> float:
        """Renew if it is due; gives the seconds until it will be (again)."""
        now = self._clock()
        if self._pki.renewal_due(self._pair) <= now:
            self._pair = self._pki.serving(*self._names, now)
            self.context.load_cert_chain(self._pair.certificate_path, self._pair.key_path)
        return (self._pki.renewal_due(self._pair) - now).total_seconds()

    async def keep(self) -> None:
        """Refresh in time, for ever; ends only by cancellation."""
        while True:
            try:
                rest = self.refresh()
            except PkiError as error:
                _LOG.error("cannot renew the serving certificate: %s", error)
                rest = _LONGEST_SLEEP_SECONDS
            # Not all at once: the clock of the machine may be set.
            await asyncio.sleep(max(1.0, min(rest, _LONGEST_SLEEP_SECONDS)))


def server_context(pair: Pair, client_ca: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer; a client certificate is asked for, not demanded, and verified when one comes.

    A certificate of another authority, one that ended or one not made for clients ends the handshake. After a
    renewal, load_cert_chain on the same context serves new connections with the new certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pair.certificate_path, pair.key_path)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    # Clients of Kubernetes keep connections and do not resume sessions: two tickets each would be made for nothing.
    context.num_tickets = 0
    return context


def user_of(peer: Mapping[str, Any] | None, now: float | None = None) -> User | None:
    """The user of transport.get_extra_info("peercert"): CN is the name, every O a group. None without a name.

    A connection outlives the handshake, so the end of the certificate is looked at again (now: seconds since 1970).
    """
    if not peer or "subject" not in peer:
        return None
    parts = [pair for relative in peer["subject"] for pair in relative]
    name = next((value for key, value in parts if key == "commonName"), "")
    if not name or _ended(peer, time.time() if now is None else now):
        return None
    return User(name, groups=tuple(value for key, value in parts if key == "organizationName"))


def _ended(peer: Mapping[str, Any], now: float) -> bool:
    return _seconds(str(peer["notAfter"])) <= now


@lru_cache(maxsize=1024)
def _seconds(end: str) -> float:
    """Connections ask for theirs with every request."""
    return ssl.cert_time_to_seconds(end)
