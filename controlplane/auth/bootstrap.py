# SPDX-License-Identifier: Apache-2.0
"""Bootstrap tokens: what a machine that wants to be a node has instead of a certificate.

A token id.secret is valid while the Secret kube-system/bootstrap-token-<id> of type bootstrap.kubernetes.io/token holds
the same secret, has not expired and says usage-bootstrap-authentication: "true".
"""

import base64
import binascii
import hmac
import re
import secrets
import string
from typing import Any, Final

from controlplane.auth.authenticator import Proof
from controlplane.auth.errors import TokenError
from controlplane.auth.names import BOOTSTRAPPERS
from controlplane.auth.times import Clock, seconds_of, written
from controlplane.request import Reader, User

Json = dict[str, Any]
SECRET_TYPE: Final = "bootstrap.kubernetes.io/token"
NAMESPACE: Final = "kube-system"
_TOKEN: Final = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP: Final = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


class BootstrapTokens:
    """Authenticates by the Secrets that there are now."""

    def __init__(self, reader: Reader, audiences: tuple[str, ...], clock: Clock) -> None:
        """Audiences are the API server's: a bootstrap token is for it alone."""
        self._reader = reader
        self._audiences = audiences
        self._clock = clock

    async def prove(self, token: str, audiences: tuple[str, ...]) -> Proof | None:
        """As in TokenAuthenticator; the form of a token says that it is of this kind."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        name = f"bootstrap-token-{match[1]}"
        secret = await self._reader.get("", "secrets", NAMESPACE, name)
        matching = tuple(audience for audience in audiences if audience in self._audiences)
        if not matching:
            raise TokenError("cannot accept bootstrap token: it is for the API server only")
        return Proof(_user(secret, match[1], match[2], self._clock()), matching)


def new_token() -> str:
    """A fresh id.secret; the secret has 82 bits."""
    letters = string.ascii_lowercase + string.digits
    first, second = ("".join(secrets.choice(letters) for _ in range(length)) for length in (6, 16))
    return f"{first}.{second}"


def secret_of(token: str, expires: float | None, *, groups: tuple[str, ...] = (), told: str = "") -> Json:
    """The Secret that makes this token valid until expires (seconds since 1970; None: for ever).

    groups begin with system:bootstrappers: each, told is for people. Raises TokenError for what is not a token.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise TokenError(
            "cannot make a bootstrap token: it has to be six and sixteen of a-z, 0-9 with a dot between"
        )
    fields = {
        "token-id": match[1],
        "token-secret": match[2],
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": ",".join(groups),
        "expiration": "" if expires is None else written(expires),
        "description": told,
    }
    _groups(fields)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{match[1]}", "namespace": NAMESPACE},
        "type": SECRET_TYPE,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in fields.items() if value},
    }


def _user(secret: Json | None, token_id: str, token_secret: str, now: float) -> User:
    """The user of the Secret if everything in it is right."""
    data = _data(secret) if secret else {}
    # Compared even if there is no Secret: how long an answer takes tells nobody which ids exist.
    same = hmac.compare_digest(data.get("token-secret", "").encode(), token_secret.encode())
    if secret is None or not same or data.get("token-id") != token_id:
        raise TokenError("cannot accept bootstrap token: no such token")
    if secret.get("type") != SECRET_TYPE or secret["metadata"].get("deletionTimestamp"):
        raise TokenError("cannot accept bootstrap token: its Secret is being deleted or of another type")
    if data.get("usage-bootstrap-authentication") != "true":
        raise TokenError("cannot accept bootstrap token: it may not be used to authenticate")
    if "expiration" in data and now >= _expiration(data["expiration"]):
        raise TokenError("cannot accept bootstrap token: it has expired")
    return User(f"system:bootstrap:{token_id}", groups=(BOOTSTRAPPERS, *_groups(data)))


def _groups(data: dict[str, str]) -> list[str]:
    groups = sorted({group for group in data.get("auth-extra-groups", "").split(",") if group})
    if wrong := [group for group in groups if not _GROUP.fullmatch(group)]:
        raise TokenError(f"cannot accept bootstrap token: {wrong[0]!r} is not a group for it")
    return groups


def _expiration(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise TokenError(f"cannot accept bootstrap token: its expiration is unreadable: {error}") from error


def _data(secret: Json) -> dict[str, str]:
    try:
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise TokenError(f"cannot accept bootstrap token: its Secret is unreadable: {error}") from error
