# SPDX-License-Identifier: Apache-2.0
"""The server's TLS context, and whom a verified client certificate names."""

import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controlplane.auth.pki import Pair
from controlplane.request import User


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
    return ssl.cert_time_to_seconds(str(peer["notAfter"])) <= now
