# SPDX-License-Identifier: Apache-2.0
"""Certificate signing requests: what each signer takes, who approves, and the certificate that comes out."""

import asyncio
import base64
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from controlplane.auth.certificates import Authority, new_authority, new_key, public_der
from controlplane.auth.csr import CLIENT, KUBELET_CLIENT, KUBELET_SERVING, approval, check
from controlplane.auth.csr_admission import CertificateAdmission
from controlplane.auth.errors import SigningError
from controlplane.auth.rbac import RbacAuthorizer
from controlplane.auth.signing import sign
from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.registry.certificates.certificatesigningrequests import RESOURCE as CSR_KIND
from controlplane.registry.registry import Registry
from controlplane.request import Admission, Operation, User
from controlplane.store.memory import MemoryStore
from controlplane.verbs.call import Call
from controlplane.verbs.create import create
from tests.support.rbac_objects import ask, binding, index_of, role, rule, to_group, to_user

Json = dict[str, Any]
KEY = new_key()
NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY: Authority = new_authority("test", NOW, new_key())
CLIENT_USAGES = ["digital signature", "client auth"]
SERVER_USAGES = ["digital signature", "key encipherment", "server auth"]


def _pem(common: list[str], organizations: list[str], names: list[x509.GeneralName], key: Any = KEY) -> str:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()


def _csr(
    signer: str,
    common: str = "system:node:n1",
    organizations: tuple[str, ...] = ("system:nodes",),
    names: tuple[x509.GeneralName, ...] = (),
    key: Any = KEY,
    **spec: Any,
) -> Json:
    usages = SERVER_USAGES if signer == KUBELET_SERVING else CLIENT_USAGES
    asker = {"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]}
    request = _pem([common], list(organizations), list(names), key)
    return {
        "metadata": {"name": "csr-1"},
        "spec": {"request": request, "signerName": signer, "usages": usages, **asker, **spec},
    }


DNS, IP = x509.DNSName("n1"), x509.IPAddress(ipaddress.ip_address("fd00::1"))
URI = x509.UniformResourceIdentifier("spiffe://x")


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (_csr(KUBELET_CLIENT), ""),
        (_csr(KUBELET_CLIENT, usages=[*CLIENT_USAGES, "key encipherment"]), ""),
        (_csr(KUBELET_CLIENT, usages=["client auth"]), "usages"),
        (_csr(KUBELET_CLIENT, usages=[*CLIENT_USAGES, "server auth"]), "usages"),
        (_csr(KUBELET_CLIENT, "system:node:"), "common name"),
        (_csr(KUBELET_CLIENT, "eve"), "common name"),
        (_csr(KUBELET_CLIENT, organizations=()), "organization"),
        (_csr(KUBELET_CLIENT, organizations=("system:nodes", "system:masters")), "organization"),
        (_csr(KUBELET_CLIENT, names=(DNS,)), "alternative names"),
        (_csr(KUBELET_CLIENT, names=(URI,)), "alternative names"),
        (_csr(KUBELET_SERVING, names=(DNS, IP)), ""),
        (_csr(KUBELET_SERVING), "no DNS name"),
        (_csr(KUBELET_SERVING, names=(DNS, URI)), "not UniformResourceIdentifier"),
        (_csr(KUBELET_SERVING, names=(DNS,), usages=CLIENT_USAGES), "usages"),
        (_csr(KUBELET_SERVING, names=(DNS,), username="system:node:n2"), "only the node"),
        (_csr(KUBELET_SERVING, names=(DNS,), groups=[]), "only the node"),
        (_csr(CLIENT, "eve", ("dev", "ops"), (DNS,)), ""),
        (_csr(CLIENT, "eve", ("system:masters",)), "system:masters"),
        (_csr(CLIENT, "eve", (), usages=SERVER_USAGES), "usages"),
        (_csr(CLIENT, "eve", (), usages=["client auth"]), ""),
        (_csr(CLIENT, "eve", (), usages=["digital signature"]), "usages"),
        (_csr("acme.com/signer", "eve", ()), "the signers here are"),
        (_csr(CLIENT, request="!"), "cannot read"),
        (_csr(CLIENT, request=base64.b64encode(b"hello").decode()), "cannot read"),
        (_csr(CLIENT, request=_pem(["a", "b"], [], [])), "exactly one common name"),
        (_csr(CLIENT, key=rsa.generate_private_key(65537, 1024)), "1024 bits"),
    ],
)
def test_what_a_signer_takes(csr: Json, why: str) -> None:
    if not why:
        check(csr)
        return
    with pytest.raises(SigningError, match=why):
        check(csr)
    with pytest.raises(SigningError):
        sign(_approved(csr), AUTHORITY, NOW)


def test_a_request_whose_signature_is_not_its_keys() -> None:
    good = base64.b64decode(_pem(["eve"], [], []))
    der = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(bytes(der))
    csr = _csr(CLIENT, request=base64.b64encode(forged + b"-----END CERTIFICATE REQUEST-----\n").decode())
    with pytest.raises(SigningError):
        check(csr)


def _approved(csr: Json, *also: str) -> Json:
    return {**csr, "status": {"conditions": [{"type": kind} for kind in ("Approved", *also)]}}


def _signed(csr: Json) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(sign(_approved(csr), AUTHORITY, NOW))
    certificate.verify_directly_issued_by(AUTHORITY.certificate)
    assert public_der(certificate.public_key()) == public_der(KEY.public_key())
    return certificate


def test_a_nodes_certificates() -> None:
    client = _signed(_csr(KUBELET_CLIENT))
    assert client.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    usage = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not client.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert client.not_valid_after_utc == NOW + timedelta(days=365)
    serving = _signed(_csr(KUBELET_SERVING, names=(DNS, IP)))
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [DNS, IP]
    usage = serving.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize(("seconds", "lives"), [(3600, 3600), (1, 600), (10**9, 365 * 86400)])
def test_how_long_a_certificate_lives(seconds: int, lives: int) -> None:
    certificate = _signed(_csr(CLIENT, "eve", (), expirationSeconds=seconds))
    assert certificate.not_valid_after_utc == NOW + timedelta(seconds=lives)


def test_no_certificate_outlives_the_authority() -> None:
    late = AUTHORITY.certificate.not_valid_after_utc - timedelta(days=1)
    pem = sign(_approved(_csr(KUBELET_CLIENT)), AUTHORITY, late)
    ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
    assert ends == AUTHORITY.certificate.not_valid_after_utc


def test_only_what_is_approved_is_signed() -> None:
    for csr in (_csr(KUBELET_CLIENT), _approved(_csr(KUBELET_CLIENT), "Denied")):
        with pytest.raises(SigningError, match="not approved"):
            sign(csr, AUTHORITY, NOW)


_JOIN = [
    role("any", rule("create", "certificatesigningrequests/nodeclient", "certificates.k8s.io")),
    role("self", rule("create", "certificatesigningrequests/selfnodeclient", "certificates.k8s.io")),
    binding("a", "ClusterRole/any", to_group("system:bootstrappers")),
    binding("b", "ClusterRole/self", to_group("system:nodes")),
]
NODE = {"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "fd00:0::1"}]}}
OTHER = x509.IPAddress(ipaddress.ip_address("10.0.0.9"))


@pytest.mark.parametrize(
    ("csr", "node", "approved"),
    [
        (
            _csr(KUBELET_CLIENT, username="system:bootstrap:abcdef", groups=["system:bootstrappers"]),
            None,
            True,
        ),
        (_csr(KUBELET_CLIENT, username="eve", groups=["dev"]), None, False),
        (_csr(KUBELET_CLIENT), None, True),
        (_csr(KUBELET_CLIENT, "system:node:n2"), None, False),
        (_csr(CLIENT), None, False),
        (_csr(KUBELET_SERVING, names=(DNS, IP)), NODE, True),
        (_csr(KUBELET_SERVING, names=(DNS, OTHER)), NODE, False),
        (_csr(KUBELET_SERVING, names=(DNS,)), None, False),
    ],
)
def test_which_requests_approve_themselves(csr: Json, node: Json | None, approved: bool) -> None:
    authorizer = RbacAuthorizer(index_of(_JOIN))
    assert (asyncio.run(approval(csr, authorizer, node)) is not None) is approved


def _admit(
    user: User,
    operation: Operation,
    obj: Json,
    old: Json | None = None,
    sub: str = "",
    rules: tuple[Json, ...] = (),
) -> Json:
    index = index_of([role("r", *rules), binding("b", "ClusterRole/r", to_user(user.name))])
    plugin = CertificateAdmission(RbacAuthorizer(index))
    resource = "certificatesigningrequests" + (f"/{sub}" if sub else "")
    asked = ask(user, "x", resource, group="certificates.k8s.io", name="csr-1")
    admission = Admission(asked, operation, "CertificateSigningRequest", obj, old)

    async def body() -> None:
        await plugin.mutate(admission)
        await plugin.validate(admission)

    asyncio.run(body())
    return obj


EVE = User("eve", "7", ("dev",), {"a": ("b",)})


@pytest.mark.parametrize(
    ("csr", "why"),
    [(_csr(CLIENT, request="!"), "spec.request"), (_csr(CLIENT, "e", ("system:masters",)), "is not allowed")],
)
def test_requests_that_are_refused_at_once(csr: Json, why: str) -> None:
    with pytest.raises(ApiError, match=why):
        _admit(EVE, Operation.CREATE, csr)


@pytest.mark.parametrize(
    ("verb", "signers", "sub", "allowed"),
    [
        ("approve", "kubernetes.io/kube-apiserver-client", "approval", True),
        ("approve", "kubernetes.io/*", "approval", True),
        ("approve", "kubernetes.io/kubelet-serving", "approval", False),
        ("sign", "kubernetes.io/*", "approval", False),
        ("sign", "kubernetes.io/*", "status", True),
        ("approve", "kubernetes.io/*", "status", False),
    ],
)
def test_who_approves_and_signs(verb: str, signers: str, sub: str, allowed: bool) -> None:
    old = _csr(CLIENT, "eve", ())
    new = {**old, "status": {"certificate": "x"}}
    rules = (rule(verb, "signers", "certificates.k8s.io", names=signers),)
    if allowed:
        _admit(EVE, Operation.UPDATE, new, old, sub, rules)
        return
    with pytest.raises(ApiError, match=r'cannot (approve|sign) resource "signers"'):
        _admit(EVE, Operation.UPDATE, new, old, sub, rules)


def test_the_server_says_who_asks_whatever_the_client_wrote() -> None:
    asker = User("eve", "7", ("dev",), {"a": ("b",)})

    async def body() -> Json:
        store = MemoryStore()
        engine = Engine(Registry((CSR_KIND,)), store)
        asked = ask(asker, "create", "certificatesigningrequests", group="certificates.k8s.io")
        obj = _csr(CLIENT, "eve", (), username="system:admin", groups=["system:masters"])
        stored = await create(
            engine, Call(CSR_KIND, asked), {**obj, "kind": CSR_KIND.kind, "apiVersion": CSR_KIND.api_version}
        )
        await store.close()
        return dict(stored.in_storage_version()["spec"])

    spec = asyncio.run(body())
    assert {key: spec[key] for key in ("username", "uid", "groups", "extra")} == {
        "username": "eve",
        "uid": "7",
        "groups": ["dev"],
        "extra": {"a": ["b"]},
    }
