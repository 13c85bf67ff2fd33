# SPDX-License-Identifier: Apache-2.0
"""What people see who use kubectl, over TLS with the server's own certificates and RBAC."""

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


def test_create_get_label_annotate_describe_delete(kubectl: Kubectl, ns: str) -> None:
    assert kubectl.run(ns, "create", "configmap", "a", "--from-literal=x=y") == "configmap/a created\n"
    assert rows(kubectl.run(ns, "get", "cm", "a"))[1][:2] == ["a", "1"]
    assert kubectl.run(ns, "get", "cm", "a", "-o", "jsonpath={.data.x}") == "y"
    assert "labeled" in kubectl.run(ns, "label", "cm", "a", "tier=web")
    assert "annotated" in kubectl.run(ns, "annotate", "cm", "a", "note=hello")
    assert rows(kubectl.run(ns, "get", "cm", "-l", "tier=web"))[1][0] == "a"
    described = kubectl.run(ns, "describe", "cm", "a")
    assert "tier=web" in described
    assert "note: hello" in described
    again = kubectl.run(ns, "create", "configmap", "a", check=False)
    assert 'configmaps "a" already exists' in again
    assert kubectl.run(ns, "delete", "cm", "a") == 'configmap "a" deleted\n'
    assert "NotFound" in kubectl.run(ns, "get", "cm", "a", check=False)


def test_apply_client_side(kubectl: Kubectl, ns: str) -> None:
    assert kubectl.apply(DEPLOYMENT, ns) == "deployment.apps/web created\n"
    assert kubectl.apply(DEPLOYMENT, ns) == "deployment.apps/web unchanged\n"
    changed = DEPLOYMENT.replace("web:1", "web:2")
    assert "web:2" in kubectl.run(ns, "diff", "-f", "-", stdin=changed, check=False)
    assert kubectl.apply(changed, ns) == "deployment.apps/web configured\n"
    wide = rows(kubectl.run(ns, "get", "deployment", "web", "-o", "wide"))
    assert wide[0] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert wide[1][5:] == ["web", "example.com/web:2", "app=web"]


def test_apply_server_side(kubectl: Kubectl, ns: str) -> None:
    assert "serverside-applied" in kubectl.apply(DEPLOYMENT, ns, "--server-side", "--field-manager=one")
    changed = DEPLOYMENT.replace("web:1", "web:2")
    refused = kubectl.run(
        ns, "apply", "-f", "-", "--server-side", "--field-manager=two", stdin=changed, check=False
    )
    assert 'conflict with "one"' in refused
    assert "serverside-applied" in kubectl.apply(
        changed, ns, "--server-side", "--field-manager=two", "--force-conflicts"
    )


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:9"}]}}}}'),
        ("merge", '{"spec":{"replicas":9}}'),
        ("json", '[{"op":"replace","path":"/spec/replicas","value":9}]'),
    ],
)
def test_patch(kubectl: Kubectl, ns: str, kind: str, patch: str) -> None:
    kubectl.apply(DEPLOYMENT, ns)
    assert (
        kubectl.run(ns, "patch", "deploy", "web", "--type", kind, "-p", patch)
        == "deployment.apps/web patched\n"
    )
    path = "{.spec.replicas} {.spec.template.spec.containers[0].image}"
    assert "9" in kubectl.run(ns, "get", "deploy", "web", "-o", f"jsonpath={path}")


def test_scale_set_image_and_rollout_history(kubectl: Kubectl, ns: str) -> None:
    kubectl.apply(DEPLOYMENT, ns)
    assert kubectl.run(ns, "scale", "deploy/web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert kubectl.run(ns, "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    kubectl.run(ns, "set", "image", "deploy/web", "web=example.com/web:3")
    assert "web:3" in kubectl.run(ns, "get", "deploy", "web", "-o", "yaml")
    refused = kubectl.run(ns, "scale", "deploy/web", "--replicas=5", "--current-replicas=2", check=False)
    assert "Expected replicas to be 2, was 5" in refused


def test_replace_and_edit_by_hand(kubectl: Kubectl, ns: str) -> None:
    """A kind that no controller writes: else the first replace may be the stale one."""
    kubectl.run(ns, "create", "configmap", "web", "--from-literal=color=red")
    text = kubectl.run(ns, "get", "configmap", "web", "-o", "json").replace('"red"', '"blue"')
    assert kubectl.run(ns, "replace", "-f", "-", stdin=text) == "configmap/web replaced\n"
    assert kubectl.run(ns, "get", "configmap", "web", "-o", "jsonpath={.data.color}") == "blue"
    stale = kubectl.run(ns, "replace", "-f", "-", stdin=text, check=False)
    assert "the object has been modified" in stale


def test_services_get_addresses(kubectl: Kubectl, ns: str) -> None:
    kubectl.run(ns, "create", "service", "clusterip", "s", "--tcp=80:8080")
    told = rows(kubectl.run(ns, "get", "svc", "s"))
    assert told[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert told[1][1] == "ClusterIP"
    assert told[1][2].startswith("10.96.")
    assert told[1][3:5] == ["<none>", "80/TCP"]


def test_dry_run_on_the_server(kubectl: Kubectl, ns: str) -> None:
    told = kubectl.run(ns, "create", "configmap", "a", "--dry-run=server")
    assert told == "configmap/a created (server dry run)\n"
    assert "NotFound" in kubectl.run(ns, "get", "cm", "a", check=False)


def test_unknown_fields_are_refused_with_their_path(kubectl: Kubectl, ns: str) -> None:
    wrong = DEPLOYMENT.replace("replicas: 2", "replicsa: 2")
    refused = kubectl.run(ns, "create", "-f", "-", stdin=wrong, check=False)
    assert 'strict decoding error: unknown field "spec.replicsa"' in refused


def test_invalid_objects_are_told_by_field(kubectl: Kubectl, ns: str) -> None:
    wrong = DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}")
    refused = kubectl.run(ns, "create", "-f", "-", stdin=wrong, check=False)
    assert 'The Deployment "web" is invalid: spec.template.metadata.labels' in refused


def test_watch_and_wait(kubectl: Kubectl, ns: str) -> None:
    kubectl.run(ns, "create", "configmap", "a")
    ours = "--field-selector=metadata.name!=kube-root-ca.crt"
    command = kubectl.command(ns, "get", "cm", "--watch", "-o", "name", ours)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kubectl.env)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "configmap/a\n"
        kubectl.run(ns, "create", "configmap", "b")
        assert process.stdout.readline() == "configmap/b\n"
    finally:
        process.kill()
        process.communicate()
    waited = kubectl.run(ns, "wait", "cm/a", "--for=jsonpath={.metadata.name}=a", "--timeout=10s")
    assert waited == "configmap/a condition met\n"
    kubectl.run(ns, "delete", "cm", "b", "--wait=false")
    kubectl.run(ns, "wait", "cm/b", "--for=delete", "--timeout=10s")


def test_who_may_do_what(kubectl: Kubectl) -> None:
    assert kubectl.run("auth", "can-i", "create", "pods") == "yes\n"
    other = ("--as=somebody", "--as-group=system:authenticated")
    assert kubectl.run("auth", "can-i", "create", "pods", *other, check=False) == "no\n"
    refused = kubectl.run("get", "secrets", *other, check=False)
    assert (
        'User "somebody" cannot list resource "secrets" in API group "" in the namespace "default"' in refused
    )
    assert "kubernetes-admin" in kubectl.run("auth", "whoami")


def test_discovery_and_explain(kubectl: Kubectl) -> None:
    told = kubectl.run("api-resources", "--sort-by=name", "--no-headers")
    kinds = {row[-1] for row in rows(told)}
    assert {"Pod", "Deployment", "Job", "Ingress", "ClusterRole", "Lease", "EndpointSlice"} <= kinds
    assert "v1\n" in kubectl.run("api-versions")
    assert "FIELD: image <string>" in kubectl.run("explain", "pod.spec.containers.image")
    assert "replicas" in kubectl.run("explain", "deployment", "--recursive")
    assert "Server Version: v1.33." in kubectl.run("version")


@pytest.mark.slow
def test_a_bundle_of_a_hundred_objects(kubectl: Kubectl, ns: str) -> None:
    head = "apiVersion: v1\nkind: ConfigMap\n"
    bundle = "---\n".join(
        f"{head}metadata: {{name: part{number}, labels: {{bundle: x}}}}\ndata: {{n: '{number}'}}\n"
        for number in range(100)
    )
    assert kubectl.apply(bundle, ns).count(" created\n") == 100
    assert kubectl.apply(bundle, ns).count(" unchanged\n") == 100
    assert kubectl.run(ns, "delete", "cm", "-l", "bundle=x", "--wait=false").count(" deleted\n") == 100


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
