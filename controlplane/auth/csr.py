# SPDX-License-Identifier: Apache-2.0
"""CertificateSigningRequests: what each of our signers takes, and which requests approve themselves (pure checks).

The rules are those that Kubernetes documents for its signers (kubernetes.io/kube-apiserver-client,
kubernetes.io/kube-apiserver-client-kubelet, kubernetes.io/kubelet-serving).
"""

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from controlplane.auth.certificates import Names, PublicKey
from controlplane.auth.errors import SigningError
from controlplane.auth.names import MASTERS, NODES, node_username
from controlplane.request import Attributes, Authorizer, User

Json = dict[str, Any]

GROUP: Final = "certificates.k8s.io"
PLURAL: Final = "certificatesigningrequests"
CLIENT: Final = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT: Final = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING: Final = "kubernetes.io/kubelet-serving"
SIGNERS: Final = (CLIENT, KUBELET_CLIENT, KUBELET_SERVING)

_BASE: Final = frozenset({"digital signature", "key encipherment"})
_SHORTEST_RSA: Final = 2048


@dataclass(frozen=True, slots=True)
class Request:
    """What the PEM inside a CertificateSigningRequest asks for."""

    names: Names
    public_key: PublicKey
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """Why a request approves itself: a condition's reason and message."""

    reason: str
    message: str


def request_of(csr: Json) -> Request:
    """Parse spec.request. Raises SigningError for what is no request, not self-signed or of a weak key."""
    try:
        pem = base64.b64decode(csr["spec"]["request"], validate=True)
        asked = x509.load_pem_x509_csr(pem)
        valid, names = asked.is_signature_valid, asked.extensions
    except (ValueError, TypeError, binascii.Error, x509.DuplicateExtension) as error:
        raise SigningError(f"cannot read the certificate request: {error}") from error
    if not valid:
        raise SigningError("cannot accept the certificate request: its signature is not that of its key")
    alternatives = _alternatives(names)
    hosts = tuple(alternatives.get_values_for_type(x509.DNSName)) if alternatives else ()
    addresses = tuple(map(str, alternatives.get_values_for_type(x509.IPAddress))) if alternatives else ()
    others = tuple(type(name).__name__ for name in alternatives or () if not _is_plain(name))
    subject = asked.subject
    common = [str(part.value) for part in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = tuple(
        str(part.value) for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )
    if len(common) != 1:
        raise SigningError(
            "cannot accept the certificate request: its subject has not exactly one common name"
        )
    return Request(Names(common[0], organizations, hosts, addresses), _key(asked), others)


def check(csr: Json) -> Request:
    """The request if its signer may sign it, approved or not. Raises SigningError that says what is wrong."""
    spec = csr["spec"]
    request, usages, signer = request_of(csr), set(spec.get("usages") or ()), spec.get("signerName")
    match signer:
        case "kubernetes.io/kube-apiserver-client":
            _client(request, usages)
        case "kubernetes.io/kube-apiserver-client-kubelet":
            _kubelet_client(request, usages)
        case "kubernetes.io/kubelet-serving":
            _kubelet_serving(request, usages, spec)
        case _:
            raise SigningError(f"cannot sign for {signer}: the signers here are {', '.join(SIGNERS)}")
    return request


async def approval(csr: Json, authorizer: Authorizer, node: Json | None) -> Approval | None:
    """Whether the request approves itself; None leaves it to people. Raises SigningError for one that cannot be signed.

    A node's client certificate: if the asker may create certificatesigningrequests/selfnodeclient (a node, for itself)
    or .../nodeclient (with a bootstrap token, for any). A node's serving certificate: if every name in it is an address
    of the Node object that the asker is; node is that object (of the request's common name), None if there is none.
    """
    if csr["spec"].get("signerName") not in {KUBELET_CLIENT, KUBELET_SERVING}:
        return None
    request = check(csr)
    if csr["spec"]["signerName"] == KUBELET_SERVING:
        return _serving_approval(request, node)
    asker = asker_of(csr)
    for subresource in ("selfnodeclient", "nodeclient"):
        if subresource == "selfnodeclient" and asker.name != request.names.common_name:
            continue
        question = Attributes(asker, "create", "", GROUP, "v1", PLURAL, subresource)
        if (await authorizer.authorize(question)).allowed:
            told = "Auto approving kubelet client certificate after SubjectAccessReview."
            return Approval("AutoApproved", told)
    return None


def asker_of(csr: Json) -> User:
    """The user that made the request, as the server wrote it into spec."""
    spec = csr["spec"]
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("username") or "", spec.get("uid") or "", tuple(spec.get("groups") or ()), extra)


def has_condition(csr: Json, kind: str) -> bool:
    """Whether status has the condition Approved, Denied or Failed."""
    conditions = (csr.get("status") or {}).get("conditions") or ()
    return any(condition.get("type") == kind for condition in conditions)


def _serving_approval(request: Request, node: Json | None) -> Approval | None:
    if node is None or request.names.common_name != node_username(node["metadata"]["name"]):
        return None
    addresses = (node.get("status") or {}).get("addresses") or ()
    known = {_normal(address["address"]) for address in addresses} | {node["metadata"]["name"]}
    if all(_normal(name) in known for name in (*request.names.hosts, *request.names.addresses)):
        return Approval("AutoApproved", "every name in the request is an address of the node that asks")
    return None


def _client(request: Request, usages: set[str]) -> None:
    if "client auth" not in usages or not usages <= {"client auth", *_BASE}:
        wanted = '"client auth", and optionally "digital signature" and "key encipherment"'
        raise SigningError(f"cannot sign for these usages: they must be {wanted}")
    if MASTERS in request.names.organizations:
        raise SigningError(f"cannot sign for {CLIENT}: the organization {MASTERS} is not given by request")


def _kubelet_client(request: Request, usages: set[str]) -> None:
    _node_subject(request)
    _usages(usages, "client auth")
    if request.names.hosts or request.names.addresses or request.others:
        raise SigningError(f"cannot sign for {KUBELET_CLIENT}: a client certificate has no alternative names")


def _kubelet_serving(request: Request, usages: set[str], spec: Json) -> None:
    _node_subject(request)
    _usages(usages, "server auth")
    if request.others:
        told = f"DNS names and addresses only, not {', '.join(request.others)}"
        raise SigningError(f"cannot sign for {KUBELET_SERVING}: {told}")
    if not request.names.hosts and not request.names.addresses:
        raise SigningError(f"cannot sign for {KUBELET_SERVING}: no DNS name and no address is asked for")
    if spec.get("username") != request.names.common_name or NODES not in (spec.get("groups") or ()):
        raise SigningError(
            f"cannot sign for {KUBELET_SERVING}: only the node {request.names.common_name} may ask"
        )


def _node_subject(request: Request) -> None:
    names, prefix = request.names, node_username("")
    if names.organizations != (NODES,):
        raise SigningError(f"cannot sign for a node: the organization must be {NODES} alone")
    if not names.common_name.startswith(prefix) or names.common_name == prefix:
        raise SigningError(f"cannot sign for a node: the common name must be {prefix}<node>")


def _usages(usages: set[str], purpose: str) -> None:
    if purpose not in usages or not usages <= {purpose, *_BASE} or "digital signature" not in usages:
        wanted = f'"digital signature", "{purpose}" and optionally "key encipherment"'
        raise SigningError(f"cannot sign for these usages: they must be {wanted}")


def _key(asked: x509.CertificateSigningRequest) -> PublicKey:
    key = asked.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        raise SigningError(f"cannot accept an RSA key of {key.key_size} bits: at least {_SHORTEST_RSA}")
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return key
    raise SigningError("cannot accept the certificate request: its key is neither EC, RSA nor Ed25519")


def _alternatives(extensions: x509.Extensions) -> x509.SubjectAlternativeName | None:
    try:
        return extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _is_plain(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.DNSName | x509.IPAddress)


def _normal(name: str) -> str:
    """Addresses in one spelling."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
