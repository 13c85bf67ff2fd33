# SPDX-License-Identifier: Apache-2.0
"""How the node is asked over HTTPS."""

from dataclasses import dataclass
from pathlib import Path

from agent.server.identity import MASTERS

PORT = 10250


@dataclass(frozen=True, slots=True)
class HttpsConfig:
    """Address, port (0: any free one) and identity.

    certificate and key are PEM files; without them the node signs its own and keeps it in pki. Client certificates are
    believed when client_authority has signed them, and members of groups are allowed everything without asking.
    logs_folder is what /logs/ shows to those who may; None: there is no such path.
    """

    pki: Path
    host: str = "0.0.0.0"
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    client_authority: Path | None = None
    groups: frozenset[str] = frozenset({MASTERS})
    logs_folder: Path | None = None
