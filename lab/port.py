# SPDX-License-Identifier: Apache-2.0
"""The host's TCP port of the control plane: one that is free, and the socket bound to it."""

import errno
import socket
import zlib
from pathlib import Path

from lab.errors import LabError
from lab.model import HOST_ADDRESS

FIRST = 20000
COUNT = 10000
"""Below Linux's usual ephemeral ports (ip_local_port_range, 32768 and up), so that no outgoing connection takes the
port while the control plane is away, and below the usual node ports (30000 to 32767)."""


def choose(root: Path) -> int:
    """A free port; each lab begins to look elsewhere, and finds the same one again while it is free."""
    start = zlib.crc32(bytes(root))
    for number in range(COUNT):
        port = FIRST + (start + number) % COUNT
        if _is_free(port):
            return port
    raise LabError(f"cannot find a free TCP port at {HOST_ADDRESS} from {FIRST} to {FIRST + COUNT - 1}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            # Without SO_REUSEADDR: with it, two that do not listen yet could have the same port.
            probe.bind((HOST_ADDRESS, port))
        except OSError:
            return False
    return True


def bound(port: int) -> socket.socket:
    """A socket of the caller's network namespace that has the port, and does not listen yet. Raises LabError."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of the one before may still be in TIME_WAIT.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST_ADDRESS, port))
    except OSError as error:
        found.close()
        taken = "; another process has it" if error.errno == errno.EADDRINUSE else ""
        raise LabError(f"cannot listen at {HOST_ADDRESS}:{port}: {error.strerror}{taken}") from error
    return found
