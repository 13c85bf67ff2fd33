# SPDX-License-Identifier: Apache-2.0
"""What every kind of bearer token comes down to."""

from dataclasses import dataclass
from typing import Protocol

from controlplane.request import User


@dataclass(frozen=True, slots=True)
class Proof:
    """Who a token proves its bearer to be, and to which of the wanted audiences."""

    user: User
    audiences: tuple[str, ...]


class TokenAuthenticator(Protocol):
    """One kind of token."""

    async def prove(self, token: str, audiences: tuple[str, ...]) -> Proof | None:
        """None when the token is not of this kind; raises TokenError when it is and proves nothing."""
        ...
