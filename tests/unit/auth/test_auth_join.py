# SPDX-License-Identifier: Apache-2.0
"""A machine becomes a node, over real TLS: bootstrap token, signing request, certificate, and what that lets it do."""

import asyncio
import base64
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from controlplane.auth.bootstrap import new_token, secret_of
from controlplane.auth.certificates import key_pem, new_key
from controlplane.auth.csr import approval
from controlplane.auth.signing import sign
from controlplane.config import AuditSettings, ControlPlaneConfig
from controlplane.main import Running, started

Json = dict[str, Any]
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
PODS, SECRETS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/secrets"


class Client:
    """One caller, by certificate or token."""

    def __init__(self, running: Running, pair: tuple[Path, Path] | None = None, token: str = "") -> None:
        context = ssl.create_default_context(cafile=str(running.pki.ca_path))
        if pair:
            context.load_cert_chain(*pair)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connector = aiohttp.TCPConnector(ssl=context)
        self.session = aiohttp.ClientSession(running.url, connector=connector, headers=headers)

    async def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        async with self.session.request(method, path, json=body) as response:
            return response.status, await response.json()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()


def _request(key: Any, name: str) -> Json:
    subject = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{name}"),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": f"join-{name}"},
        "spec": {
            "request": base64.b64encode(pem).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    }


async def _sign(running: Running, admin: Client, name: str) -> None:
    """What the certificate controller does."""
    assert running.engine.authorizer is not None
    _, csr = await admin.call("GET", f"{CSRS}/{name}")
    approved = await approval(csr, running.engine.authorizer, None)
    assert approved is not None
    condition = {"type": "Approved", "status": "True", "reason": approved.reason, "message": approved.message}
    csr["status"] = {"conditions": [condition]}
    code, csr = await admin.call("PUT", f"{CSRS}/{name}/approval", csr)
    assert code == 200, csr
    pem = sign(csr, running.pki.authority, datetime.now(UTC))
    csr["status"]["certificate"] = base64.b64encode(pem).decode()
    code, csr = await admin.call("PUT", f"{CSRS}/{name}/status", csr)
    assert code == 200, csr


async def _join(running: Running, admin: Client, folder: Path) -> tuple[Path, Path]:
    """The node's certificate and key."""
    token, key = new_token(), new_key()
    code, answer = await admin.call(
        "POST", "/api/v1/namespaces/kube-system/secrets", secret_of(token, time.time() + 600)
    )
    assert code == 201, answer
    async with Client(running, token=token) as joining:
        code, answer = await joining.call("POST", CSRS, _request(key, "n1"))
        assert (code, answer["spec"]["username"]) == (201, f"system:bootstrap:{token[:6]}"), answer
        assert (await joining.call("GET", "/api/v1/nodes"))[0] == 403
        assert (await joining.call("PUT", f"{CSRS}/join-n1/approval", answer))[0] == 403
        await _sign(running, admin, "join-n1")
        _, answer = await joining.call("GET", f"{CSRS}/join-n1")
    certificate, private = folder / "node.crt", folder / "node.key"
    certificate.write_bytes(base64.b64decode(answer["status"]["certificate"]))
    private.write_bytes(key_pem(key))
    return certificate, private


def _pod(name: str, node: str) -> Json:
    volume = {"name": "v", "secret": {"secretName": f"for-{name}"}}
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


async def _fill(admin: Client) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    assert (await admin.call("POST", "/api/v1/namespaces/default/serviceaccounts", account))[0] in (201, 409)
    for name, node in (("mine", "n1"), ("other", "n2")):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"for-{name}"}}
        assert (await admin.call("POST", SECRETS, secret))[0] == 201
        code, answer = await admin.call("POST", PODS, _pod(name, node))
        assert code == 201, answer


async def _live(node: Client) -> dict[str, int]:
    """What a node tries, and how each is answered."""
    own = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    role = {"node-role.kubernetes.io/control-plane": ""}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "n1"}}
    tries: dict[str, tuple[str, str, Json | None]] = {
        "own node": ("POST", "/api/v1/nodes", own),
        "other node": ("POST", "/api/v1/nodes", {**own, "metadata": {"name": "n2"}}),
        "role label": ("PUT", "/api/v1/nodes/n1", {**own, "metadata": {"name": "n1", "labels": role}}),
        "own lease": ("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", lease),
        "own secret": ("GET", f"{SECRETS}/for-mine", None),
        "other secret": ("GET", f"{SECRETS}/for-other", None),
        "all secrets": ("GET", SECRETS, None),
        "own pods": ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", None),
        "all pods": ("GET", "/api/v1/pods", None),
        "delete own": ("DELETE", f"{PODS}/mine?gracePeriodSeconds=0", None),
        "delete other": ("DELETE", f"{PODS}/other?gracePeriodSeconds=0", None),
        "a plain pod": ("POST", PODS, _pod("made", "n1")),
    }
    return {name: (await node.call(*attempt))[0] for name, attempt in tries.items()}


def test_from_token_to_node(tmp_path: Path) -> None:
    async def body() -> None:
        audit = tmp_path / "audit.log"
        config = ControlPlaneConfig(tmp_path / "pki", "memory://", port=0, audit=AuditSettings(audit))
        async with started(config) as running:
            pair = running.pki.client("admin", datetime.now(UTC))
            async with Client(running, (pair.certificate_path, pair.key_path)) as admin:
                files = await _join(running, admin, tmp_path)
                await _fill(admin)
                async with Client(running, files) as node:
                    assert await _live(node) == {
                        "own node": 201,
                        "other node": 403,
                        "role label": 403,
                        "own lease": 201,
                        "own secret": 200,
                        "other secret": 403,
                        "all secrets": 403,
                        "own pods": 200,
                        "all pods": 403,
                        "delete own": 200,
                        "delete other": 403,
                        "a plain pod": 403,
                    }
        assert '"username":"system:node:n1"' in audit.read_text()

    asyncio.run(body())
