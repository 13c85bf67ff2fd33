# SPDX-License-Identifier: Apache-2.0
"""Who may ask this node what: client certificates and bearer tokens, decided by the API server, or by groups alone.

The reviews and their attributes are the kubelet's (webhook authentication and authorization); answers are kept as long
as it keeps them.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from agent.server.cache import AnswerCache
from agent.server.identity import MASTERS, Access, User, of_review
from kube.errors import KubeError

log = logging.getLogger("orlop.agent")

_TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class KeepSeconds:
    """How long answers hold: a token that is good or not, an access that is allowed or not."""

    token: float = 120
    bad_token: float = 10
    allowed: float = 300
    denied: float = 30


class ApiServer(Protocol):
    """What the guard needs of kube.client.Client."""

    async def request(self, method: str, path: str, *, body: object = None) -> dict[str, Any]:
        """One JSON answer."""


class UndecidedError(Exception):
    """The API server cannot be asked now."""


class Guard:
    """Decides. Without an API server nobody has a token, and the groups given are allowed everything."""

    def __init__(
        self,
        node_name: str,
        api: ApiServer | None,
        *,
        groups: frozenset[str] = frozenset({MASTERS}),
        keep: KeepSeconds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Members of groups are allowed everything, whether or not there is an API server to ask."""
        keep = keep or KeepSeconds()
        self._node_name = node_name
        self._api = api
        self._groups = groups
        self._users: AnswerCache[User | None] = AnswerCache(
            lambda user: keep.token if user else keep.bad_token, clock
        )
        self._decisions: AnswerCache[str | None] = AnswerCache(
            lambda denied: keep.allowed if denied is None else keep.denied, clock
        )

    async def user_of_token(self, token: str) -> User | None:
        """Whose token it is, None when it is nobody's. Raises UndecidedError."""
        api = self._api
        if api is None:
            return None
        # The token itself is not kept.
        digest = hashlib.sha256(token.encode()).digest()
        return await self._users.get(digest, lambda: self._review_token(api, token))

    async def refusal(self, user: User, access: Access) -> str | None:
        """Why the user may not; None when they may. Raises UndecidedError."""
        if self._groups & set(user.groups):
            return None
        why = ""
        for subresource in access.subresources:
            denied = await self._denied(user, access.verb, subresource)
            if denied is None:
                return None
            why = why or denied
        wanted = f"verb={access.verb}, resource=nodes, subresource(s)=[{' '.join(access.subresources)}]"
        return f"Forbidden (user={user.name}, {wanted}){why}"

    async def _denied(self, user: User, verb: str, subresource: str) -> str | None:
        api = self._api
        if api is None:
            return f": this node has no API server, so only members of {', '.join(sorted(self._groups))} may"
        key = (user, verb, subresource)
        return await self._decisions.get(key, lambda: self._review_access(api, user, verb, subresource))

    async def _review_token(self, api: ApiServer, token: str) -> User | None:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        status = await self._ask(api, _TOKEN_REVIEWS, body)
        return of_review(status) if status.get("authenticated") is True else None

    async def _review_access(self, api: ApiServer, user: User, verb: str, subresource: str) -> str | None:
        attributes = {
            "verb": verb,
            "version": "v1",
            "resource": "nodes",
            "subresource": subresource,
            "name": self._node_name,
        }
        spec = {
            "user": user.name,
            "groups": list(user.groups),
            "uid": user.uid,
            "extra": {key: list(values) for key, values in user.extra},
            "resourceAttributes": attributes,
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        status = await self._ask(api, _ACCESS_REVIEWS, body)
        if status.get("allowed") is True and not status.get("denied"):
            return None
        return f": {status['reason']}" if status.get("reason") else ""

    async def _ask(self, api: ApiServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            status = (await api.request("POST", path, body=body)).get("status")
        except KubeError as error:
            raise UndecidedError(str(error)) from error
        return status if isinstance(status, dict) else {}
