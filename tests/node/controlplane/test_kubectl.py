# SPDX-License-Identifier: Apache-2.0
"""Namespaces, workloads and tokens as kubectl shows them, besides the stories."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.kubectl import Kubectl, kubectl_or_skip, served

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1", ports: [{containerPort: 80}]}]}
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """A server with its controllers and scheduler, without nodes."""
    kubectl_or_skip()
    with served(tmp_path_factory.mktemp("controlplane")) as client:
        yield client


@pytest.fixture
def ns(kubectl: Kubectl, request: pytest.FixtureRequest) -> str:
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[:50].strip("-")
    kubectl.run("create", "namespace", name)
    return f"--namespace={name}"


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def test_namespaces_of_a_new_cluster(kubectl: Kubectl) -> None:
    told = rows(kubectl.run("get", "namespaces"))
    assert told[0] == ["NAME", "STATUS", "AGE"]
    found = {row[0]: row[1] for row in told[1:]}
    expected = {"default", "kube-node-lease", "kube-public", "kube-system"}
    assert expected <= found.keys()
    assert {found[name] for name in expected} == {"Active"}


def test_namespaces_that_are_missing_or_going_take_nothing(kubectl: Kubectl) -> None:
    refused = kubectl.run("create", "configmap", "a", "--namespace=nowhere", check=False)
    assert 'namespaces "nowhere" not found' in refused
    kubectl.run("create", "namespace", "going")
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n"
    kubectl.apply(held, "--namespace=going")
    kubectl.run("delete", "namespace", "going", "--wait=false")
    refused = kubectl.run("create", "configmap", "a", "--namespace=going", check=False)
    assert "because it is being terminated" in refused
    assert rows(kubectl.run("get", "namespace", "going"))[1][1] == "Terminating"
    kubectl.run("patch", "cm", "held", "--namespace=going", "-p", '{"metadata":{"finalizers":null}}')
    kubectl.run("wait", "namespace/going", "--for=delete", "--timeout=30s")


def test_a_deployment_gets_its_pods(kubectl: Kubectl, ns: str) -> None:
    kubectl.run("wait", "sa/default", ns, "--for=create", "--timeout=20s")
    kubectl.apply(DEPLOYMENT, ns)
    kubectl.run("wait", "deploy/web", ns, "--for=jsonpath={.status.replicas}=2", "--timeout=20s")
    pods = rows(kubectl.run("get", "pods", ns))
    assert pods[0] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[1:4] for row in pods[1:]] == [["0/1", "Pending", "0"]] * 2
    told = kubectl.run("get", "all", ns)
    assert "deployment.apps/web" in told
    assert "replicaset.apps/web-" in told
    kubectl.run("delete", "deploy", "web", ns, "--cascade=foreground", "--timeout=30s")
    assert "No resources found" in kubectl.run("get", "pods,rs,deploy", ns)


def test_tokens_of_service_accounts_are_users(kubectl: Kubectl, ns: str) -> None:
    kubectl.run("wait", "sa/default", ns, "--for=create", "--timeout=20s")
    token = kubectl.run("create", "token", "default", ns).strip()
    server = kubectl.run("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    bare = ("--kubeconfig=/dev/null", f"--server={server}", "--insecure-skip-tls-verify", f"--token={token}")
    done = subprocess.run(
        ["kubectl", *bare, "auth", "whoami"],
        capture_output=True,
        text=True,
        timeout=30,
        env=kubectl.env,
        check=True,
    )
    assert f"system:serviceaccount:{ns.partition('=')[2]}:default" in done.stdout
