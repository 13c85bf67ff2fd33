# SPDX-License-Identifier: Apache-2.0
"""What the real kubectl sends in protobuf, against what the same command prints as JSON with --dry-run=client."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.protobuf import MEDIA_TYPE, decode
from controlplane.registry import default_registry
from tests.support.kubectl_plain import kubectl
from tests.support.openapi_server import OpenApiServer, openapi_server

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

CREATED = {
    "deployment": ["web", "--image=nginx", "--image=busybox", "--replicas=0"],
    "configmap": ["c", "--from-literal=a=b", "--from-literal=empty="],
    "secret": ["generic", "s", "--from-literal=k=v"],
    "service": ["clusterip", "s", "--tcp=80:8080", "--tcp=443:https"],
    "serviceaccount": ["s"],
    "namespace": ["n"],
    "role": ["r", "--verb=get,list", "--resource=pods,deployments.apps", "--resource-name=x"],
    "rolebinding": ["r", "--role=r", "--user=u", "--serviceaccount=default:s"],
    "clusterrole": ["c", "--verb=get", "--non-resource-url=/healthz"],
    "clusterrolebinding": ["c", "--clusterrole=c", "--group=g"],
    "quota": ["q", "--hard=cpu=1500m,memory=1G,pods=3", "--scopes=BestEffort"],
    "poddisruptionbudget": ["p", "--selector=app=x", "--max-unavailable=1"],
    "priorityclass": ["p", "--value=-5", "--global-default=false", "--description=x"],
    "ingress": ["i", "--rule=foo.com/bar*=svc:http,tls=cert", "--class=c", "--annotation=a=b"],
    "job": ["j", "--image=busybox", "--", "sh", "-c", "date"],
    "cronjob": ["j", "--image=busybox", "--schedule=*/5 * * * *", "--restart=Never", "--", "date"],
}


@pytest.fixture
def server() -> Iterator[OpenApiServer]:
    with openapi_server(default_registry()) as running:
        yield running


def sent(server: OpenApiServer) -> dict[str, Any]:
    (post,) = [each for each in server.seen if each.method == "POST"]
    assert post.content_type == MEDIA_TYPE
    return decode(post.body)


def told(value: object) -> object:
    """Without what says nothing: nulls, empty objects and lists, and the namespace that only the URL has."""
    if isinstance(value, dict):
        kept = {key: told(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, [])}
    return [told(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("noun", CREATED)
def test_a_created_object_is_the_one_that_is_printed(
    server: OpenApiServer, tmp_path: Path, noun: str
) -> None:
    command = ["create", noun, *CREATED[noun]]
    at = command.index("--") if "--" in command else len(command)
    dry = [*command[:at], "--dry-run=client", "-o", "json", *command[at:]]
    printed = told(json.loads(kubectl(server.url, tmp_path, *dry).stdout))
    assert isinstance(printed, dict)
    kubectl(server.url, tmp_path, *command)
    found = told(sent(server))
    assert isinstance(found, dict)
    for obj in (printed, found):
        obj.get("metadata", {}).pop("namespace", None)
    assert found == without_zero_status(printed)


def without_zero_status(obj: dict[str, Any]) -> dict[str, Any]:
    """Go prints a status that was never set with its required numbers, all 0."""
    if not any(obj.get("status", {}).values()):
        obj.pop("status", None)
    return obj


def test_requests_that_are_asked_and_not_stored(server: OpenApiServer, tmp_path: Path) -> None:
    kubectl(server.url, tmp_path, "auth", "can-i", "create", "pods", "--subresource=exec")
    review = sent(server)
    assert review["kind"] == "SelfSubjectAccessReview"
    asked = {"namespace": "default", "verb": "create", "resource": "pods", "subresource": "exec"}
    assert review["spec"] == {"resourceAttributes": asked}
    server.seen.clear()
    kubectl(server.url, tmp_path, "create", "token", "default", "--duration=10m", "--audience=a")
    token = sent(server)
    assert (token["apiVersion"], token["kind"]) == ("authentication.k8s.io/v1", "TokenRequest")
    assert token["spec"] == {"audiences": ["a"], "expirationSeconds": 600}
    server.seen.clear()
    kubectl(server.url, tmp_path, "auth", "whoami")
    assert sent(server)["kind"] == "SelfSubjectReview"
