# SPDX-License-Identifier: Apache-2.0
"""Encryption of what must not lie on a disk in the open, with a key that follows from the node's private key."""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.errors import AgentError

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"orlop agent checkpoint v1"


class SealError(AgentError):
    """Sealed data cannot be opened: another key, or the bytes are damaged."""


class Sealer:
    """Seals and opens bytes. `name` is bound to them: one entry's bytes do not open as another's."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, name: str, data: bytes) -> bytes:
        """Nonce and ciphertext; each time other ones."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """The inverse. Raises SealError."""
        nonce, data = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, data, name.encode())
        except (InvalidTag, ValueError) as error:
            raise SealError("it was sealed with another key, or is damaged") from error


def sealer_of(private_key: Path) -> Sealer:
    """The sealer of a node, by the file of its private key. Raises AgentError."""
    try:
        return Sealer(private_key.read_bytes())
    except OSError as error:
        raise AgentError(f"cannot read the node's private key {private_key}: {error.strerror}") from error
