# SPDX-License-Identifier: Apache-2.0
"""CertificateSigningRequests: those that may approve themselves are approved, approved ones are signed.

Who may and how is decided by two functions that are given; controlplane.auth has them.
"""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from controlplane.auth.csr import SIGNERS, Approval, request_of
from controlplane.auth.errors import SigningError
from controlplane.auth.names import node_username
from controlplane.controllers import meta
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Operation, Update
from kube.kinds import NODES, SIGNING_REQUESTS

Json = dict[str, Any]

# Gets an approved request and gives a PEM certificate (chain); raises SigningError when it breaks the signer's rules.
Signer = Callable[[Json], bytes]
# Gets a request and the Node that it names (or None); says why it approves itself, or None to leave it to people.
Approver = Callable[[Json, Json | None], Awaitable[Approval | None]]

_FAILED: Final = "Failed"


def is_settled(request: Json) -> bool:
    """Whether nothing is to be done: it has its certificate, was denied or failed, goes away, or is not for us."""
    ours = request["spec"].get("signerName") in SIGNERS
    refused = meta.condition(request, "Denied") or meta.condition(request, _FAILED)
    return not ours or bool(refused or _status(request).get("certificate")) or meta.is_going(request)


def approved(request: Json, why: Approval, now: datetime) -> Operation:
    """Write the condition Approved."""
    return _with_condition(request, "Approved", why.reason, why.message, now, "approval")


def failed(request: Json, why: str, now: datetime) -> Operation:
    """Say in a condition that it will not be signed."""
    return _with_condition(request, _FAILED, "SignerValidationFailure", why, now, "status")


def signed(request: Json, certificate: bytes) -> Operation:
    """Write the certificate into the status."""
    data = base64.b64encode(certificate).decode("ascii")
    status = {**_status(request), "certificate": data}
    return Update(SIGNING_REQUESTS, {**request, "status": status}, "status")


def _with_condition(
    request: Json,
    kind: str,
    reason: str,
    message: str,
    now: datetime,
    subresource: str,
) -> Operation:
    new = {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastUpdateTime": meta.format_time(now),
    }
    status = {
        **_status(request),
        "conditions": meta.with_condition(_status(request).get("conditions") or [], new, now),
    }
    return Update(SIGNING_REQUESTS, {**request, "status": status}, subresource)


def _status(request: Json) -> Json:
    return request.get("status") or {}


class CertificateSigning(Controller):
    """Reconciles CertificateSigningRequests by ("", name)."""

    name = "certificate-controller"

    def __init__(self, shared: Shared, sign: Signer, approve: Approver) -> None:
        super().__init__(shared)
        self._sign, self._approve = sign, approve
        self._requests, self._nodes = self.follow(SIGNING_REQUESTS), self.informers.of(NODES)

    async def reconcile(self, key: Key) -> None:
        """Approve it or sign it, or say why not."""
        request = self._requests.get(key[1])
        if request is None or is_settled(request):
            return
        try:
            if meta.condition(request, "Approved"):
                await self.executor.perform(signed(request, self._sign(request)))
            elif why := await self._approve(request, self._node_of(request)):
                await self.executor.perform(approved(request, why, self.now()))
        except SigningError as error:
            await self.executor.perform(failed(request, str(error), self.now()))

    def _node_of(self, request: Json) -> Json | None:
        return self._nodes.get(request_of(request).names.common_name.removeprefix(node_username("")))
