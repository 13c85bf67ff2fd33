# SPDX-License-Identifier: Apache-2.0
"""Admission of CertificateSigningRequests: what can never be signed is refused; approving and signing need permission.

Whoever updates the approval subresource needs the verb approve on the signer, whoever writes status.certificate the
verb sign; the name is the signer's or its domain with /*.
"""

from dataclasses import replace
from typing import Any

from controlplane.auth.csr import CLIENT, GROUP, PLURAL, request_of
from controlplane.auth.errors import SigningError
from controlplane.auth.names import MASTERS
from controlplane.auth.union import refusal
from controlplane.errors import Cause, forbidden, invalid
from controlplane.request import Admission, Authorizer, Decision, Operation

Json = dict[str, Any]


class CertificateAdmission:
    """The plugin."""

    name = "CertificateApproval"

    def __init__(self, authorizer: Authorizer) -> None:
        """The authorizer decides on signers."""
        self._authorizer = authorizer

    async def mutate(self, admission: Admission) -> None:
        """Nothing is changed: who asks is written by the kind itself."""

    async def validate(self, admission: Admission) -> None:
        """Raise the 403 or 422."""
        asked, obj = admission.attributes, admission.object
        if (asked.group, asked.resource) != (GROUP, PLURAL) or obj is None:
            return
        if admission.operation is Operation.CREATE:
            _check_new(obj)
        elif asked.subresource == "approval":
            await self._permit(admission, "approve")
        elif asked.subresource == "status" and _certificate(obj) != _certificate(admission.old or {}):
            await self._permit(admission, "sign")

    async def _permit(self, admission: Admission, verb: str) -> None:
        signer = str((admission.old or admission.object or {})["spec"]["signerName"])
        question = replace(
            admission.attributes, verb=verb, resource="signers", subresource="", name=signer, namespace=""
        )
        decision = Decision()
        for name in (signer, f"{signer.partition('/')[0]}/*"):
            decision = await self._authorizer.authorize(replace(question, name=name))
            if decision.allowed:
                return
        raise refusal(question, decision)


def _check_new(csr: Json) -> None:
    """A request that cannot be read is refused at once, and nobody asks to be a master."""
    name = csr["metadata"].get("name", "")
    try:
        request = request_of(csr)
    except SigningError as error:
        cause = Cause("FieldValueInvalid", str(error), "spec.request")
        raise invalid(GROUP, "CertificateSigningRequest", name, (cause,)) from error
    if csr["spec"].get("signerName") == CLIENT and MASTERS in request.names.organizations:
        raise forbidden(GROUP, PLURAL, name, f"use of {CLIENT} signer with {MASTERS} group is not allowed")


def _certificate(csr: Json) -> object:
    return (csr.get("status") or {}).get("certificate") or None
