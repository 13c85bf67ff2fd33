# SPDX-License-Identifier: Apache-2.0
"""Signing an approved CertificateSigningRequest."""

from datetime import datetime, timedelta
from typing import Any, Final

from controlplane.auth.certificates import CLIENT_AUTH, SERVER_AUTH, YEAR, Authority, issue, validity
from controlplane.auth.csr import KUBELET_SERVING, check, has_condition
from controlplane.auth.errors import SigningError

Json = dict[str, Any]
SHORTEST_SECONDS: Final = 600


def sign(csr: Json, authority: Authority, now: datetime, longest: timedelta = YEAR) -> bytes:
    """The certificate as PEM, for status.certificate (base64 of it).

    Raises SigningError when the request is not approved, is denied, or breaks a rule of its signer; the message is for
    the condition Failed. spec.expirationSeconds shortens the life, down to 10 minutes; the CA's end shortens it too.
    """
    if not has_condition(csr, "Approved") or has_condition(csr, "Denied") or has_condition(csr, "Failed"):
        raise SigningError("cannot sign a request that is not approved, is denied or has failed")
    request, spec = check(csr), csr["spec"]
    seconds = spec.get("expirationSeconds")
    asked = longest if seconds is None else timedelta(seconds=max(seconds, SHORTEST_SECONDS))
    purpose = SERVER_AUTH if spec["signerName"] == KUBELET_SERVING else CLIENT_AUTH
    return issue(
        authority,
        request.names,
        request.public_key,
        [purpose],
        validity(now, min(asked, longest)),
        key_encipherment="key encipherment" in spec["usages"],
    )
