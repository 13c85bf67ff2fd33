# SPDX-License-Identifier: Apache-2.0
"""Large JSON texts in pieces, and how they are kept: compressed, with a hash of their content."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

# zlib's parameter for gzip's format.
_GZIP = 31


@dataclass(frozen=True, slots=True)
class Packed:
    """A text as gzip; hash is of the text before, in upper-case hexadecimal digits."""

    gzip: bytes
    hash: str

    def unpacked(self) -> bytes:
        """The text."""
        return zlib.decompress(self.gzip, _GZIP)


def pack(pieces: Iterable[bytes]) -> Packed:
    """Compress a text piece by piece; equal texts make equal bytes."""
    digest = hashlib.sha256()
    # The lowest level: a third larger than the highest, in a fifth of the time.
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    packed = []
    for piece in pieces:
        digest.update(piece)
        packed.append(compressor.compress(piece))
    packed.append(compressor.flush())
    return Packed(b"".join(packed), digest.hexdigest().upper())


def members(pairs: Iterable[tuple[str, object]]) -> Iterator[bytes]:
    """A JSON object, a piece for each member."""
    separator = b"{"
    for name, value in pairs:
        yield separator + msgspec.json.encode(name) + b":" + msgspec.json.encode(value)
        separator = b","
    yield b"{}" if separator == b"{" else b"}"
