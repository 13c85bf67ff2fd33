# SPDX-License-Identifier: Apache-2.0
"""Bundles as Helm makes them: a hundred objects of mixed kinds at once, upgraded, pruned and deleted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.kubectl import Kubectl, kubectl_or_skip, served
from tests.support.minimal_objects import TEMPLATE

Json = dict[str, Any]

_APPLICATIONS = 14
_OWNED = {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "shop"}


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    kubectl_or_skip()
    with served(tmp_path_factory.mktemp("controlplane")) as client:
        client.run("create", "namespace", "shop")
        client.run("wait", "sa/default", "-n", "shop", "--for=create", "--timeout=60s")
        yield client


def bundle(applications: int, image: str) -> list[Json]:
    """Seven objects an application, and two for all: 100 for 14."""
    found = [
        _object("v1", "ResourceQuota", "all", spec={"hard": {"count/configmaps": "200"}}),
        _object("scheduling.k8s.io/v1", "PriorityClass", "shop-high", value=10),
    ]
    for number in range(applications):
        found += _application(f"app{number}", image)
    return found


def _application(name: str, image: str) -> list[Json]:
    labels = {"app": name}
    pod = {
        "serviceAccountName": name,
        "containers": [{**TEMPLATE["spec"]["containers"][0], "image": image}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    return [
        _object("v1", "ServiceAccount", name),
        _object("v1", "ConfigMap", name, data={"image": image}),
        _object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            name,
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        ),
        _object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            name,
            roleRef=reference,
            subjects=[{"kind": "ServiceAccount", "name": name, "namespace": "shop"}],
        ),
        _object("v1", "Service", name, spec={"selector": labels, "ports": [{"port": 80}]}),
        _object(
            "apps/v1",
            "Deployment",
            name,
            spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        ),
        _object("networking.k8s.io/v1", "Ingress", name, spec={"defaultBackend": backend}),
    ]


def _object(version: str, kind: str, name: str, **content: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": _OWNED}, **content}


def as_text(objects: list[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


@pytest.mark.parametrize("way", [(), ("--server-side", "--field-manager=helm")], ids=["client", "server"])
def test_a_bundle_is_installed_upgraded_and_removed(kubectl: Kubectl, way: tuple[str, ...]) -> None:
    ours, first = ("-n", "shop"), bundle(_APPLICATIONS, "example.com/shop:1")
    assert len(first) == 100
    words = {"created": "created", "changed": "configured", "same": "unchanged"}
    if way:
        words = dict.fromkeys(words, "serverside-applied")
    told = kubectl.run(*ours, "apply", *way, "-f", "-", stdin=as_text(first)).splitlines()
    assert [line.rpartition(" ")[2] for line in told] == [words["created"]] * 100
    told = kubectl.run(*ours, "apply", *way, "-f", "-", stdin=as_text(first)).splitlines()
    assert [line.rpartition(" ")[2] for line in told] == [words["same"]] * 100
    kubectl.run(*ours, "wait", "deploy", "--all", "--for=jsonpath={.status.replicas}=1", "--timeout=120s")
    second = bundle(_APPLICATIONS, "example.com/shop:2")
    told = kubectl.run(*ours, "apply", *way, "-f", "-", stdin=as_text(second)).splitlines()
    upgraded = {line.partition("/")[0] for line in told if line.endswith(words["changed"])}
    assert {"deployment.apps", "configmap"} <= upgraded
    assert way or upgraded == {"deployment.apps", "configmap"}
    images = kubectl.run(*ours, "get", "deploy", "-o", "jsonpath={..image}")
    assert images.split() == ["example.com/shop:2"] * _APPLICATIONS
    told = kubectl.run(*ours, "delete", "--wait=false", "-f", "-", stdin=as_text(second))
    assert len([line for line in told.splitlines() if " deleted" in line]) == 100
    kubectl.run(*ours, "wait", "deploy,rs,pod", "--all", "--for=delete", "--timeout=120s")
    left = kubectl.run(
        *ours, "get", "all,cm,role,rolebinding,ingress", "-l", "app.kubernetes.io/instance=shop"
    )
    assert "No resources found" in left
