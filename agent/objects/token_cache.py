# SPDX-License-Identifier: Apache-2.0
"""Tokens from the API server's TokenRequest, kept as long as they are good."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from agent.objects.tokens import Token, TokenError, TokenKey
from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import SERVICE_ACCOUNTS

Json = dict[str, Any]

# As the kubelet: a token is renewed after 80 % of its life, or after a day.
_LIFE_SHARE: Final = 0.8
_LONGEST: Final = 24 * 3600.0
# So many renewals do not come at one moment.
_SPREAD: Final = 0.02
# An old token is given again while there is no API server; a new one is asked for after so many seconds.
_AGAIN: Final = 10.0


class TokenCache:
    """The Tokens of a node with an API server."""

    def __init__(
        self,
        client: Client,
        *,
        remembered: Mapping[TokenKey, Token] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """remembered: tokens of the checkpoint. A pod starts with them when no new ones can be had."""
        self.changed: Callable[[], None] = lambda: None
        self._client, self._clock = client, clock
        self._tokens: dict[TokenKey, Token] = dict(remembered or {})
        self._asking: dict[TokenKey, asyncio.Lock] = {}

    async def request(
        self,
        namespace: str,
        service_account: str,
        audiences: Sequence[str],
        expiration_seconds: int,
        pod_name: str,
        pod_uid: str,
    ) -> Token:
        """See tokens.Tokens."""
        key = TokenKey(pod_uid, service_account, tuple(audiences), expiration_seconds)
        async with self._asking.setdefault(key, asyncio.Lock()):
            held = self._tokens.get(key)
            if held is not None and self._clock() < held.renew_at:
                return held
            try:
                made = await self._ask(namespace, pod_name, key)
            except (ApiStatusError, UnreachableError) as error:
                if held is None or not self._may_serve(held, error):
                    raise TokenError(namespace, service_account, str(error)) from error
                return Token(held.text, held.expires_at, self._clock() + _AGAIN)
            self._tokens[key] = made
            self.changed()
            return made

    def keep_only(self, uids: Iterable[str]) -> None:
        """Forget the tokens of all other pods."""
        kept = set(uids)
        for key in [key for key in self._tokens if key.pod_uid not in kept]:
            del self._tokens[key]
            self._asking.pop(key, None)
            self.changed()

    def held(self) -> Mapping[TokenKey, Token]:
        """All tokens, for the checkpoint."""
        return dict(self._tokens)

    def _may_serve(self, held: Token, error: ApiStatusError | UnreachableError) -> bool:
        """An old token is better than none: a pod whose API server is away cannot use any, and shall run."""
        is_away = isinstance(error, UnreachableError) or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return is_away or self._clock() < held.expires_at

    async def _ask(self, namespace: str, pod_name: str, key: TokenKey) -> Token:
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod_name, "uid": key.pod_uid}
        spec: Json = {"expirationSeconds": key.expiration_seconds, "boundObjectRef": bound}
        if key.audiences:
            spec["audiences"] = list(key.audiences)
        path = SERVICE_ACCOUNTS.path(namespace, key.account, "token")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        asked = self._clock()
        answer = await self._client.request("POST", path, body=body)
        status = answer["status"]
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        life = min((expires - asked) * _LIFE_SHARE, _LONGEST)
        return Token(status["token"], expires, asked + life * random.uniform(1 - _SPREAD, 1))
