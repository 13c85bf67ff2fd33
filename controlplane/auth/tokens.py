# SPDX-License-Identifier: Apache-2.0
"""Giving out service account tokens (the subresource serviceaccounts/token), and what others verify them with."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from controlplane.auth.accounts import PRIVATE_CLAIM
from controlplane.auth.keys import TokenKeys
from controlplane.auth.names import Account
from controlplane.auth.times import Clock, written
from controlplane.errors import Cause, bad_request, conflict, invalid, not_found
from controlplane.request import Reader

Json = dict[str, Any]

DEFAULT_SECONDS: Final = 3600
SHORTEST_SECONDS: Final = 600
LONGEST_SECONDS: Final = 1 << 32
_KIND: Final = "TokenRequest"
_GROUP: Final = "authentication.k8s.io"
_BINDABLE: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Answers TokenRequests. audiences are what a token is for when the request does not say."""

    keys: TokenKeys
    issuer: str
    audiences: tuple[str, ...]
    reader: Reader
    clock: Clock

    async def request(self, namespace: str, name: str, body: Json) -> Json:
        """The TokenRequest with its status; body is the client's. Raises the 400, 404, 409 or 422."""
        spec = body.get("spec") or {}
        seconds = _seconds(spec, name)
        account = await self.reader.get("", "serviceaccounts", namespace, name)
        if account is None:
            raise not_found("", "serviceaccounts", name)
        audiences = list(spec.get("audiences") or self.audiences)
        now = int(self.clock())
        private = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
            **await self._bound(namespace, name, spec.get("boundObjectRef")),
        }
        token = self.keys.sign(
            {
                "iss": self.issuer,
                "sub": Account(namespace, name).username,
                "aud": audiences,
                "iat": now,
                "nbf": now,
                "exp": now + seconds,
                "jti": str(uuid.uuid4()),
                PRIVATE_CLAIM: private,
            }
        )
        return {
            "kind": _KIND,
            "apiVersion": f"{_GROUP}/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": written(now)},
            "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
            "status": {"token": token, "expirationTimestamp": written(now + seconds)},
        }

    async def _bound(self, namespace: str, account: str, reference: Json | None) -> Json:
        """The claims of the object that the token is to end with; a pod's tell its node as well."""
        if not reference:
            return {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if kind not in _BINDABLE or reference.get("apiVersion") != "v1":
            raise bad_request(f"cannot bind token for serviceaccount to object of type {kind or 'nothing'}")
        plural = _BINDABLE[kind]
        obj = await self.reader.get("", plural, "" if kind == "Node" else namespace, name)
        if obj is None:
            raise not_found("", plural, name)
        uid = obj["metadata"]["uid"]
        if reference.get("uid") not in (None, "", uid):
            told = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record"
            )
            raise conflict("", plural, name, f"{told}. The object might have been deleted and then recreated")
        claims: Json = {kind.lower(): {"name": name, "uid": uid}}
        if kind == "Pod":
            claims |= await self._node_of(obj, account)
        return claims

    async def _node_of(self, pod: Json, account: str) -> Json:
        spec = pod.get("spec") or {}
        if spec.get("serviceAccountName") != account:
            raise bad_request(
                f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.'
            )
        node = spec.get("nodeName") and await self.reader.get("", "nodes", "", spec["nodeName"])
        if not node:
            return {}
        return {"node": {"name": spec["nodeName"], "uid": node["metadata"]["uid"]}}

    def discovery(self, server: str) -> Json:
        """/.well-known/openid-configuration; server is the URL under which /openid/v1/jwks can be had."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{server}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.keys.algorithms,
        }


def _seconds(spec: Json, name: str) -> int:
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return DEFAULT_SECONDS
    problem = ""
    if seconds < SHORTEST_SECONDS:
        problem = "may not specify a duration less than 10 minutes"
    elif seconds > LONGEST_SECONDS:
        problem = "may not specify a duration larger than 2^32 seconds"
    if problem:
        told = f"Invalid value: {seconds}: {problem}"
        raise invalid(_GROUP, _KIND, name, (Cause("FieldValueInvalid", told, "spec.expirationSeconds"),))
    return int(seconds)
