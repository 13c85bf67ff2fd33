# SPDX-License-Identifier: Apache-2.0
import asyncio
import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.auth.certificates import Names
from controlplane.auth.csr import Approval
from controlplane.auth.errors import SigningError
from controlplane.controllers.controller import Shared
from controlplane.controllers.csrsigning import CertificateSigning
from kube.informer import Informers
from tests.support.eventually import eventually, in_background
from tests.support.fake_kube_api import serving

Json = dict[str, Any]

COLLECTION = "certificatesigningrequests"


def request(name: str, node: str, signer: str = "kubernetes.io/kube-apiserver-client-kubelet") -> Json:
    subject = Names(f"system:node:{node}", ("system:nodes",)).subject()
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = asked.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    text = base64.b64encode(pem.public_bytes(serialization.Encoding.PEM)).decode()
    return {"metadata": {"name": name}, "spec": {"request": text, "signerName": signer}}


async def approve(asked: Json, node: Json | None) -> Approval | None:
    assert (node is None) == (asked["metadata"]["name"] != "known")
    return None if asked["metadata"]["name"] == "people" else Approval("AutoApproved", "it may")


def sign(asked: Json) -> bytes:
    if asked["metadata"]["name"] == "wrong":
        raise SigningError("cannot sign: a test says so")
    return b"PEM of " + asked["metadata"]["name"].encode()


def test_requests_are_approved_signed_or_refused_with_a_reason() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("nodes", {"metadata": {"name": "n1"}})
            for name, node in (("known", "n1"), ("unknown", "n2"), ("wrong", "n3"), ("people", "n4")):
                await api.put(COLLECTION, request(name, node))
            await api.put(COLLECTION, request("other", "n5", signer="example.com/mine"))
            informers = Informers(client)
            controller = CertificateSigning(Shared(client, informers), sign, approve)

            def status(name: str) -> Json:
                found: Json = api.objects[COLLECTION, "", name].get("status", {})
                return found

            async with in_background(informers.run(), controller.run()):
                await eventually(
                    lambda: status("known").get("certificate") and status("unknown").get("certificate")
                )
                await eventually(lambda: len(status("wrong").get("conditions", ())) == 2)
                await eventually(lambda: controller.queue.idle)
            assert base64.b64decode(status("known")["certificate"]) == b"PEM of known"
            kinds = [item["type"] for item in status("wrong")["conditions"]]
            assert kinds == ["Approved", "Failed"]
            assert status("wrong")["conditions"][1]["message"] == "cannot sign: a test says so"
            assert status("people") == status("other") == {}

    asyncio.run(main())
