# SPDX-License-Identifier: Apache-2.0
"""Service account tokens: signed by us, for us, of an account (and pod, secret or node) that still exists.

The claims are those of Kubernetes' bound tokens: kubernetes.io holds namespace, serviceaccount {name, uid} and one of
pod, secret, node {name, uid}; a pod's token tells its node too. Legacy tokens without an end are refused.
"""

from typing import Any, Final

from controlplane.auth.authenticator import Proof
from controlplane.auth.errors import TokenError
from controlplane.auth.identities import Existence
from controlplane.auth.keys import TokenKeys
from controlplane.auth.names import Account
from controlplane.auth.times import Clock
from controlplane.request import User

Json = dict[str, Any]
PRIVATE_CLAIM: Final = "kubernetes.io"
_EXTRA: Final = "authentication.kubernetes.io/"


class AccountTokens:
    """Authenticates by JWT."""

    def __init__(self, keys: TokenKeys, issuer: str, existence: Existence, clock: Clock) -> None:
        """Issuer is the URL in the iss claim; another one's tokens are refused."""
        self._keys = keys
        self._issuer = issuer
        self._existence = existence
        self._clock = clock

    async def prove(self, token: str, audiences: tuple[str, ...]) -> Proof | None:
        """As in TokenAuthenticator; a token with two dots is ours to judge."""
        if token.count(".") != 2:
            return None
        claims, now = self._keys.verify(token), self._clock()
        if claims.get("iss") != self._issuer:
            raise TokenError(
                f"cannot accept token: its issuer is {claims.get('iss')!r}, not {self._issuer!r}"
            )
        _check_times(claims, now)
        private = _private(claims)
        matching = _matching(claims.get("aud"), audiences)
        await self._check_objects(private, now)
        return Proof(_user(claims, private), matching)

    async def _check_objects(self, private: Json, now: float) -> None:
        namespace = private["namespace"]
        bound = [("serviceaccounts", namespace, private["serviceaccount"])]
        if pod := private.get("pod"):
            bound.append(("pods", namespace, pod))
        elif node := private.get("node"):
            bound.append(("nodes", "", node))
        if secret := private.get("secret"):
            bound.append(("secrets", namespace, secret))
        for plural, place, reference in bound:
            if not await self._existence.holds(plural, place, reference, now):
                raise TokenError(f"cannot accept token: {plural} {reference.get('name')!r} of it is gone")


def _check_times(claims: Json, now: float) -> None:
    ends, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(ends, int | float) or not isinstance(begins, int | float):
        raise TokenError("cannot accept token: it says not when it ends")
    if now >= ends:
        raise TokenError("cannot accept token: it has expired")
    if now < begins:
        raise TokenError("cannot accept token: it is not valid yet")


def _private(claims: Json) -> Json:
    private: Json = claims.get(PRIVATE_CLAIM) or {}
    match private:
        case {"namespace": str(namespace), "serviceaccount": {"name": str(name), "uid": str(_)}}:
            if claims.get("sub") == Account(namespace, name).username:
                return private
    raise TokenError("cannot accept token: its claims are not those of a service account")


def _matching(claimed: object, wanted: tuple[str, ...]) -> tuple[str, ...]:
    held = [claimed] if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    matching = tuple(audience for audience in wanted if audience in held)
    if not matching:
        raise TokenError(f"cannot accept token: its audiences are {held}, wanted is one of {list(wanted)}")
    return matching


def _user(claims: Json, private: Json) -> User:
    account = Account(private["namespace"], private["serviceaccount"]["name"])
    extra = {"credential-id": f"JTI={claims['jti']}"} if "jti" in claims else {}
    for kind in ("pod", "node"):
        if reference := private.get(kind):
            extra |= {f"{kind}-name": reference.get("name", ""), f"{kind}-uid": reference.get("uid", "")}
    return User(
        account.username,
        private["serviceaccount"]["uid"],
        account.groups,
        {_EXTRA + key: (value,) for key, value in extra.items()},
    )
