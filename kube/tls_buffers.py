# SPDX-License-Identifier: Apache-2.0
"""asyncio keeps 256 KiB for what each TLS connection receives; with thousands of watches that is most of the memory.

It is for what one read of the socket brings, so that a smaller one only means more reads of large bodies. The size is
a class attribute of CPython's asyncio.sslproto.SSLProtocol (3.11 and later: max_size).
"""

from asyncio import sslproto
from typing import Final

SIZE: Final = 8 * 1024


def shrink() -> None:
    """For every TLS connection that is made from now on, in this process."""
    if hasattr(sslproto.SSLProtocol, "max_size"):
        sslproto.SSLProtocol.max_size = SIZE
