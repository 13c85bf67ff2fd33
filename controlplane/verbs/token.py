# SPDX-License-Identifier: Apache-2.0
"""The subresource token of ServiceAccounts: a TokenRequest, answered by whoever has the keys."""

from dataclasses import replace
from typing import Any, Final

from lightkube.models import authentication_v1

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.registry.resource import Resource
from controlplane.request import Operation
from controlplane.verbs.call import Call
from controlplane.verbs.intake import take_in
from controlplane.verbs.subresources import Special

Json = dict[str, Any]

_REQUEST: Final = Resource(
    "authentication.k8s.io", "v1", "TokenRequest", "tokenrequests", authentication_v1.TokenRequest
)


async def request_token(engine: Engine, call: Call, body: Any) -> Json:
    """POST serviceaccounts/NAME/token. Raises ApiError 404, 422, and 503 on a server without keys."""
    asked = replace(call, resource=_REQUEST)
    request = take_in(asked, body)
    if engine.token_issuer is None:
        raise ApiError(503, "ServiceUnavailable", "cannot issue tokens: this server has no token keys")
    admission = asked.admission(Operation.CREATE, request, None)
    await mutate(engine.plugins, admission)
    async with validated(engine.plugins, admission):
        return await engine.token_issuer(call.namespace, call.name, request)


TOKEN = Special(create=request_token)
