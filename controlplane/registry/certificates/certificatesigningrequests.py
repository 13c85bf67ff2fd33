# SPDX-License-Identifier: Apache-2.0
"""CertificateSigningRequest."""

from datetime import timedelta
from typing import Final

from lightkube.resources import certificates_v1

from controlplane.registry.certificates.request_strategy import RequestStrategy
from controlplane.registry.columns import AGE, NAME, computed, text
from controlplane.registry.data import Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE, duration, joined

# A timedelta holds no more.
_LONGEST: Final = 10**13


def _requested(obj: Json) -> str:
    seconds = look(obj, "spec", "expirationSeconds")
    return NONE if seconds is None else duration(timedelta(seconds=min(seconds, _LONGEST)))


def _condition(obj: Json) -> str:
    """What was decided, whether it failed, whether there is a certificate: "Approved,Issued"."""
    kinds = {condition.get("type") for condition in items(obj, "status", "conditions")}
    decision = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    failed = ["Failed"] if "Failed" in kinds else []
    issued = ["Issued"] if look(obj, "status", "certificate") else []
    return joined([decision, *failed, *issued])


RESOURCE = derive(
    certificates_v1.CertificateSigningRequest,
    short_names=("csr",),
    columns=(
        NAME,
        AGE,
        text("SignerName", "spec", "signerName"),
        text("Requestor", "spec", "username", empty=""),
        computed("RequestedDuration", _requested),
        computed("Condition", _condition),
    ),
    strategy=RequestStrategy(),
)
