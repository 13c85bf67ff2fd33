# SPDX-License-Identifier: Apache-2.0
"""Tokens of service accounts for pods, as the API server's TokenRequest gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is good until expires_at (seconds since the epoch); its repr does not show it."""

    text: str = field(repr=False)
    expires_at: float


class Tokens(Protocol):
    """Who gives tokens out."""

    async def request(
        self,
        namespace: str,
        service_account: str,
        audiences: Sequence[str],
        expiration_seconds: int,
        pod_name: str,
        pod_uid: str,
    ) -> Token:
        """A new token, bound to the pod; no audience means the API server's own. Raises ObjectError."""
