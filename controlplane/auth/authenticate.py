# SPDX-License-Identifier: Apache-2.0
"""Who is calling: a verified client certificate, else a bearer token, else nobody, which is enough for health only."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from controlplane.auth.authenticator import Proof, TokenAuthenticator
from controlplane.auth.errors import TokenError
from controlplane.auth.names import AUTHENTICATED
from controlplane.auth.times import Clock
from controlplane.auth.tls import user_of
from controlplane.errors import unauthorized
from controlplane.request import ANONYMOUS, User

_LOG = logging.getLogger(__name__)
# Paths that answer whoever asks, if the authorizer lets them.
ANONYMOUS_PATHS: Final = frozenset(
    path + end for path in ("/healthz", "/livez", "/readyz", "/version") for end in ("", "/")
)


class Authenticator:
    """The union of all ways to say who one is."""

    def __init__(
        self, tokens: Sequence[TokenAuthenticator], audiences: tuple[str, ...], clock: Clock
    ) -> None:
        """Audiences are the names that this API server goes by; tokens are tried in order."""
        self._tokens = tuple(tokens)
        self.audiences = audiences
        self._clock = clock

    async def authenticate(
        self, peer: Mapping[str, Any] | None, authorization: str | None, path: str
    ) -> User:
        """The user of a request: peer is the connection's verified certificate (see tls.user_of), authorization the
        header, path the URL's. Raises the 401 for credentials that prove nothing, and for none where they are needed.
        """
        if user := user_of(peer, self._clock()):
            return _authenticated(user)
        if authorization:
            return _authenticated((await self._bearer(authorization)).user)
        if path in ANONYMOUS_PATHS:
            return ANONYMOUS
        raise unauthorized()

    async def prove(self, token: str, audiences: tuple[str, ...] = ()) -> Proof:
        """Who bears this token, for these audiences or (with none) our own. Raises TokenError."""
        for kind in self._tokens:
            proof = await kind.prove(token, audiences or self.audiences)
            if proof:
                return replace(proof, user=_authenticated(proof.user))
        raise TokenError("cannot accept token: it is of no known kind")

    async def _bearer(self, authorization: str) -> Proof:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized()
        try:
            return await self.prove(token.strip())
        except TokenError as error:
            _LOG.info("refused: %s", error)
            raise unauthorized() from error


def _authenticated(user: User) -> User:
    return user if AUTHENTICATED in user.groups else replace(user, groups=(*user.groups, AUTHENTICATED))
