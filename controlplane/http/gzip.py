# SPDX-License-Identifier: Apache-2.0
"""Large answers in fewer bytes, for clients that take them (kubectl does).

As kube-apiserver does it: from 128 KiB on, at the fastest level, since the time of compressing is time of the server.
"""

import zlib
from collections.abc import Mapping
from typing import Final

FROM_BYTES: Final = 128 * 1024
HEADERS: Final[Mapping[str, str]] = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}

_LEVEL: Final = 1
# zlib's sign for a gzip header and trailer.
_GZIP: Final = 31


def accepts(header: str) -> bool:
    """Whether Accept-Encoding names gzip and does not give it the quality 0 (RFC 9110, section 12.5.3)."""
    for choice in header.split(","):
        name, _, parameters = choice.partition(";")
        if name.strip().lower() == "gzip":
            return parameters.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Gzip:
    """One answer, part by part."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)

    def add(self, data: bytes | bytearray) -> bytes:
        """What can be sent after this part; often nothing yet."""
        return self._compressor.compress(data)

    def end(self) -> bytes:
        """The rest."""
        return self._compressor.flush()


def compressed(data: bytes) -> bytes:
    """A whole answer."""
    packer = Gzip()
    return packer.add(data) + packer.end()
