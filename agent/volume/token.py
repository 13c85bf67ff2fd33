# SPDX-License-Identifier: Apache-2.0
"""Tokens of the pod's service account in projected volumes: which are needed, and when the one on disk gets old.

What a token says of itself (RFC 7519: iat, exp) is enough, so an agent that was started anew goes on with the files.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.volume.atomic_writer import DATA, check_path

DEFAULT_SECONDS: Final = 3600
"""expirationSeconds unless the source says otherwise."""
_LONGEST_USE: Final = 24 * 3600.0
_RENEW_AT: Final = 0.8
"""The part of its life after which a token is replaced; the kubelet's, like the day above."""


@dataclass(frozen=True, slots=True)
class TokenNeed:
    """A token that a pod's volume shall have at path; audience "" is the API server's own."""

    volume: str
    path: str
    audience: str
    seconds: int


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token on disk, with its times in seconds since the epoch."""

    text: bytes
    issued_at: float
    expires_at: float

    @property
    def renew_at(self) -> float:
        """When a new one has to be asked for."""
        life = self.expires_at - self.issued_at
        return min(self.issued_at + _RENEW_AT * life, self.issued_at + _LONGEST_USE)


class _Claims(msgspec.Struct):
    exp: float
    iat: float | None = None


def token_needs(pod: core_v1.Pod, volumes: frozenset[str]) -> Iterator[TokenNeed]:
    """Every token of the pod's volumes of these names."""
    for volume in spec_of(pod).volumes or ():
        if volume.projected is None or volume.name not in volumes:
            continue
        for source in volume.projected.sources or ():
            if token := source.serviceAccountToken:
                seconds = token.expirationSeconds or DEFAULT_SECONDS
                yield TokenNeed(volume.name, token.path, token.audience or "", seconds)


def held_token(volume: Path, need: TokenNeed) -> HeldToken | None:
    """The token that a volume has now; None when there is none."""
    if check_path(need.path):
        return None
    file = volume / DATA / need.path
    try:
        text, written = file.read_bytes(), file.stat().st_mtime
    except OSError:
        return None
    claims = _claims(text)
    if claims is None:
        return HeldToken(text, written, written + need.seconds)
    issued = claims.exp - need.seconds if claims.iat is None else claims.iat
    return HeldToken(text, issued, claims.exp)


def _claims(text: bytes) -> _Claims | None:
    """The second part of a JWT; None for a token of another shape."""
    parts = text.split(b".")
    if len(parts) != 3:
        return None
    try:
        decoded = base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(decoded, type=_Claims)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
