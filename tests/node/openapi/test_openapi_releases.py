# SPDX-License-Identifier: Apache-2.0
"""kubectl of several releases: 1.20 reads OpenAPI v2 as protobuf and validates by it, newer ones read v3."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.protobuf import MEDIA_TYPE, decode
from controlplane.registry import default_registry
from kube.schema import schema_of
from tests.support.kubectl_plain import kubectl
from tests.support.kubectl_releases import kubectl_release
from tests.support.openapi_server import OpenApiServer, openapi_server

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: b
    image: nginx
    resources: {limits: {cpu: 1, memory: 1Gi}}
    ports: [{containerPort: 80}]
    livenessProbe: {httpGet: {port: http}}
    env: [{name: A, value: b}]
  volumes: [{name: v, emptyDir: {}}]
"""
REVIEW = "apiVersion: authorization.k8s.io/v1\nkind: SelfSubjectAccessReview\nspec: {resourceAttributs: {}}\n"
WEB = "/api/v1/namespaces/default/pods/web"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NEW = ["1.32", "1.36"]


@pytest.fixture
def server() -> Iterator[OpenApiServer]:
    with openapi_server(default_registry()) as running:
        yield running


@pytest.fixture
def server_without_v3() -> Iterator[OpenApiServer]:
    with openapi_server(default_registry(), hidden=("/openapi/v3",)) as running:
        yield running


def run(server: OpenApiServer, home: Path, release: str, *arguments: str, text: str = "") -> Any:
    return kubectl(server.url, home, *arguments, text=text, program=str(kubectl_release(release)))


def sent(server: OpenApiServer, method: str) -> Any:
    (found,) = [each for each in server.seen if each.method == method]
    return found


def test_old_kubectl_validates_by_v2(server: OpenApiServer, tmp_path: Path) -> None:
    good = run(server, tmp_path, "1.20", "create", "-f", "-", text=POD)
    assert (good.returncode, good.stderr) == (0, "")
    assert [each.method for each in server.seen if "/openapi/" in each.path] == ["GET"]
    for wrong, told in (
        (POD.replace("image:", "imag:"), 'unknown field "imag" in io.k8s.api.core.v1.Container'),
        (POD.replace("containerPort: 80", "containerPort: http"), "invalid type for"),
        (POD.replace("containers:", "initContainers:"), 'missing required field "containers"'),
    ):
        bad = run(server, tmp_path, "1.20", "create", "-f", "-", text=wrong)
        assert bad.returncode == 1
        assert told in bad.stderr


def test_old_kubectl_explains_by_v2(server: OpenApiServer, tmp_path: Path) -> None:
    one = run(server, tmp_path, "1.20", "explain", "pods.spec.volumes.emptyDir.sizeLimit")
    assert (one.returncode, one.stderr) == (0, "")
    assert "KIND:     Pod\nVERSION:  v1\n\nFIELD:    sizeLimit <string>" in one.stdout
    for resource in server.registry:
        version = f"--api-version={resource.api_version}"
        done = run(server, tmp_path, "1.20", "explain", resource.plural, "--recursive", version)
        assert (done.returncode, done.stderr) == (0, "")
        top = re.findall(r"^   (\w+)\t", done.stdout, re.MULTILINE)
        assert set(schema_of(resource.model).fields) == set(top)


def test_old_kubectl_finds_dry_run_in_v2(server: OpenApiServer, tmp_path: Path) -> None:
    done = run(server, tmp_path, "1.20", "create", "-f", "-", "--dry-run=server", text=POD)
    assert (done.returncode, done.stdout) == (0, "pod/web created (server dry run)\n")
    assert "dryRun=All" in sent(server, "POST").path


@pytest.mark.parametrize("release", ["1.20", *NEW])
def test_apply_makes_a_strategic_merge_patch(server: OpenApiServer, tmp_path: Path, release: str) -> None:
    before = {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "old"}]}
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": before}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    server.objects[WEB] = {**applied, "metadata": {"name": "web", "annotations": annotations}}
    run(server, tmp_path, release, "apply", "-f", "-", text=POD)
    patch = sent(server, "PATCH")
    assert patch.content_type == "application/strategic-merge-patch+json"
    spec = json.loads(patch.body)["spec"]
    assert spec["$setElementOrder/containers"] == [{"name": "b"}]
    assert {"$patch": "delete", "name": "a"} in spec["containers"]


@pytest.mark.parametrize("release", NEW)
def test_new_kubectl_reads_v3_and_leaves_validation_to_the_server(
    server: OpenApiServer, tmp_path: Path, release: str
) -> None:
    done = run(server, tmp_path, release, "create", "-f", "-", text=POD)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fieldValidation=Strict" in sent(server, "POST").path
    assert not server.asked("/openapi/v2")
    told = run(server, tmp_path, release, "explain", "pods.spec.volumes.emptyDir.medium")
    assert "KIND:       Pod\nVERSION:    v1\n\nFIELD: medium <string>" in told.stdout


@pytest.mark.parametrize("release", NEW)
def test_new_kubectl_falls_back_to_v2(server_without_v3: OpenApiServer, tmp_path: Path, release: str) -> None:
    done = run(server_without_v3, tmp_path, release, "create", "-f", "-", text=POD)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fieldValidation=Strict" in sent(server_without_v3, "POST").path


@pytest.mark.parametrize("release", NEW)
def test_what_cannot_be_patched_is_validated_by_the_client(
    server: OpenApiServer, tmp_path: Path, release: str
) -> None:
    """For such kinds kubectl asks whether they are custom resources before it validates by v2."""
    server.objects[CRDS] = {
        "kind": "CustomResourceDefinitionList",
        "apiVersion": "apiextensions.k8s.io/v1",
        "items": [],
    }
    bad = run(server, tmp_path, release, "create", "-f", "-", text=REVIEW)
    assert bad.returncode == 1
    assert 'unknown field "resourceAttributs"' in bad.stderr
    good = run(server, tmp_path, release, "create", "-f", "-", text=REVIEW.replace("buts", "butes"))
    assert (good.returncode, good.stderr) == (0, "")


@pytest.mark.parametrize("release", NEW)
def test_typed_commands_in_protobuf(server: OpenApiServer, tmp_path: Path, release: str) -> None:
    command = ["create", "deployment", "web", "--image=nginx", "--replicas=2", "--port=80"]
    run(server, tmp_path, release, *command)
    post = sent(server, "POST")
    assert post.content_type == MEDIA_TYPE
    spec = decode(post.body)["spec"]
    assert (spec["replicas"], spec["selector"]) == (2, {"matchLabels": {"app": "web"}})
    container = {"name": "nginx", "image": "nginx", "ports": [{"containerPort": 80}]}
    assert spec["template"]["spec"]["containers"] == [container]
