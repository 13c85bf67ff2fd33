# SPDX-License-Identifier: Apache-2.0
"""The real kubectl reads our documents: explain, the choice of validation, and patches made on the client's side."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.registry import default_registry
from controlplane.registry.resource import Resource
from kube.schema import schema_of
from tests.support.kubectl_plain import kubectl
from tests.support.openapi_server import OpenApiServer, openapi_server

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: b, image: nginx}]}\n"
WEB = "/api/v1/namespaces/default/pods/web"


@pytest.fixture
def server() -> Iterator[OpenApiServer]:
    with openapi_server(default_registry()) as running:
        yield running


def test_explain_prints_a_field_with_its_type_and_description(server: OpenApiServer, tmp_path: Path) -> None:
    done = kubectl(server.url, tmp_path, "explain", "pods.spec.containers.livenessProbe.httpGet.port")
    assert (done.returncode, done.stderr) == (0, "")
    assert "KIND:       Pod\nVERSION:    v1\n" in done.stdout
    assert "FIELD: port <IntOrString>" in done.stdout
    assert "1 to 65535" in done.stdout


@pytest.mark.parametrize("resource", list(default_registry()), ids=lambda resource: resource.kind)
def test_explain_walks_every_kind(server: OpenApiServer, tmp_path: Path, resource: Resource) -> None:
    arguments = ["explain", resource.plural, "--recursive", f"--api-version={resource.api_version}"]
    done = kubectl(server.url, tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"KIND:       {resource.kind}\nVERSION:    {resource.version}\n" in done.stdout
    assert set(re.findall(r"^  (\w+)\t", done.stdout, re.MULTILINE)) == set(schema_of(resource.model).fields)


def test_explain_says_what_is_no_field(server: OpenApiServer, tmp_path: Path) -> None:
    done = kubectl(server.url, tmp_path, "explain", "pods.spec.container")
    assert done.returncode == 1
    assert 'field "container" does not exist' in done.stderr


def test_create_leaves_validation_to_the_server(server: OpenApiServer, tmp_path: Path) -> None:
    done = kubectl(server.url, tmp_path, "create", "-f", "-", text=POD)
    assert (done.returncode, done.stderr) == (0, "")
    (post,) = [each for each in server.seen if each.method == "POST"]
    assert "fieldValidation=Strict" in post.path
    assert server.asked("/openapi/v3/api/v1")
    assert not server.asked("/openapi/v2")


def test_apply_makes_a_strategic_merge_patch(server: OpenApiServer, tmp_path: Path) -> None:
    before = {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "old"}]}
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": before}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    server.objects[WEB] = {**applied, "metadata": {"name": "web", "annotations": annotations}}
    kubectl(server.url, tmp_path, "apply", "-f", "-", text=POD)
    (patch,) = [each for each in server.seen if each.method == "PATCH"]
    assert patch.content_type == "application/strategic-merge-patch+json"
    spec = json.loads(patch.body)["spec"]
    assert spec["$setElementOrder/containers"] == [{"name": "b"}]
    assert {"$patch": "delete", "name": "a"} in spec["containers"]
    assert {"image": "nginx", "name": "b"} in spec["containers"]
