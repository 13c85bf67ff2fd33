# SPDX-License-Identifier: Apache-2.0
"""What goes on while it is looked at: watches as tables and as JSON, and a certificate's way from request to user."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tests.support.kubectl import Kubectl, kubectl_or_skip, served
from tests.support.kubectl_story import fits
from tests.support.wait import until

Json = dict[str, Any]

# A watch that is told less than it should be ends, and fails its test.
_LONGEST = "--request-timeout=120s"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    kubectl_or_skip()
    with served(tmp_path_factory.mktemp("controlplane")) as client:
        yield client


@contextmanager
def watching(kubectl: Kubectl, *arguments: str) -> Iterator[IO[str]]:
    """What a `kubectl get --watch` prints, while it runs."""
    command = kubectl.command("get", *arguments, _LONGEST)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kubectl.env)
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.kill()
        process.communicate()


def test_a_table_grows_line_by_line(kubectl: Kubectl) -> None:
    kubectl.run("create", "configmap", "a")
    only = "--field-selector=metadata.name=a"
    with watching(kubectl, "cm", "-w", "--output-watch-events", only) as told:
        expected = ["EVENT NAME DATA AGE", "ADDED a 0 <AGE>"]
        assert all(fits(line, told.readline()) for line in expected)
        kubectl.run("patch", "cm", "a", "-p", '{"data":{"x":"y"}}')
        assert fits("MODIFIED a 1 <AGE>", told.readline())
        kubectl.run("create", "configmap", "another")
        kubectl.run("delete", "cm", "a")
        assert fits("DELETED a 1 <AGE>", told.readline())


def test_objects_come_as_json_one_after_the_other(kubectl: Kubectl) -> None:
    kubectl.run("create", "configmap", "b")
    with watching(kubectl, "cm", "-w", "-o", "json", "--field-selector=metadata.name=b") as told:
        first = read_object(told)
        kubectl.run("patch", "cm", "b", "-p", '{"data":{"x":"y"}}')
        second = read_object(told)
    assert (first.get("data"), second["data"]) == (None, {"x": "y"})
    assert first["kind"] == second["kind"] == "ConfigMap"
    assert int(first["metadata"]["resourceVersion"]) < int(second["metadata"]["resourceVersion"])


def test_an_object_that_leaves_a_selector_is_told_as_deleted(kubectl: Kubectl) -> None:
    kubectl.run("create", "configmap", "c")
    kubectl.run("label", "cm", "c", "tier=web")
    with watching(kubectl, "cm", "-w", "--output-watch-events", "--no-headers", "-l", "tier=web") as told:
        assert fits("ADDED c 0 <AGE>", told.readline())
        kubectl.run("label", "cm", "c", "tier=db", "--overwrite")
        assert fits("DELETED c 0 <AGE>", told.readline())
        kubectl.run("label", "cm", "c", "tier=web", "--overwrite")
        assert fits("ADDED c 0 <AGE>", told.readline())


def test_a_certificate_is_asked_for_approved_and_used(kubectl: Kubectl, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    kubectl.run("create", "-f", "-", stdin=request_of("jane", key))
    kubectl.run("create", "-f", "-", stdin=request_of("mallory", key))
    head = "NAME AGE SIGNERNAME REQUESTOR REQUESTEDDURATION CONDITION\n"
    signer = "kubernetes.io/kube-apiserver-client kubernetes-admin 24h"
    assert fits(
        f"{head}jane <AGE> {signer} Pending\nmallory <AGE> {signer} Pending", kubectl.run("get", "csr")
    )
    approved = "certificatesigningrequest.certificates.k8s.io/jane approved\n"
    assert kubectl.run("certificate", "approve", "jane") == approved
    denied = "certificatesigningrequest.certificates.k8s.io/mallory denied\n"
    assert kubectl.run("certificate", "deny", "mallory") == denied
    refused = kubectl.run("certificate", "approve", "mallory", check=False)
    assert refused == 'error: certificate signing request "mallory" is already Denied\n'
    until(lambda: "Issued" in kubectl.run("get", "csr", "jane"), seconds=60)
    assert fits(
        f"{head}jane <AGE> {signer} Approved,Issued\nmallory <AGE> {signer} Denied",
        kubectl.run("get", "csr"),
    )
    described = kubectl.run("describe", "csr", "jane")
    assert "Status:              Approved,Issued" in described
    assert "Common Name:    jane" in described
    jane = as_user(kubectl, tmp_path, key)
    assert fits(
        "ATTRIBUTE VALUE\nUsername jane\nGroups [dev system:authenticated]<LINES>", jane.run("auth", "whoami")
    )
    refused = jane.run("get", "pods", check=False)
    assert 'pods is forbidden: User "jane" cannot list resource "pods"' in refused


def read_object(stream: IO[str]) -> Json:
    """The next JSON object of a stream, which ends with a brace at the margin."""
    lines = []
    for line in stream:
        lines.append(line)
        if line == "}\n":
            break
    found: Json = json.loads("".join(lines))
    return found


def request_of(name: str, key: ec.EllipticCurvePrivateKey) -> str:
    """A CertificateSigningRequest of a user of this name, as Kubernetes' tutorial has it."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dev")]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    spec = {
        "request": base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "expirationSeconds": 86400,
        "usages": ["client auth"],
    }
    return json.dumps(
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": spec,
        }
    )


def as_user(kubectl: Kubectl, folder: Path, key: ec.EllipticCurvePrivateKey) -> Kubectl:
    """kubectl with the issued certificate in place of the administrator's."""
    issued = kubectl.run("get", "csr", "jane", "-o", "jsonpath={.status.certificate}")
    (folder / "jane.crt").write_bytes(base64.b64decode(issued))
    (folder / "jane.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    config = folder / "kubeconfig"
    config.write_bytes(kubectl.kubeconfig.read_bytes())
    config.chmod(0o600)
    jane = replace(kubectl, kubeconfig=config)
    files = (f"--client-certificate={folder}/jane.crt", f"--client-key={folder}/jane.key")
    jane.run("config", "set-credentials", "jane", *files)
    jane.run("config", "set-context", "--current", "--user=jane")
    return jane
