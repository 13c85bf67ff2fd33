# SPDX-License-Identifier: Apache-2.0
"""A container's environment on a joined node, as its processes see it and as kubectl tells what is missing."""

from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.cluster import pod as pod_of

pytestmark = pytest.mark.node

Json = dict[str, Any]


def source(**fields: Any) -> Json:
    return {"valueFrom": fields}


def field(path: str) -> Json:
    return source(fieldRef={"fieldPath": path})


ENV: dict[str, tuple[Json, str]] = {
    # name -> (its entry, its value; {..} stands for a part of the pod as kubectl shows it)
    "LITERAL": ({"value": "a b"}, "a b"),
    "EARLIER": ({"value": "$(LITERAL)!"}, "a b!"),
    "ESCAPED": ({"value": "$$(LITERAL)"}, "$(LITERAL)"),
    "UNKNOWN": ({"value": "$(NOBODY)"}, "$(NOBODY)"),
    "NAME": (field("metadata.name"), "env"),
    "NAMESPACE": (field("metadata.namespace"), "{metadata[namespace]}"),
    "UID_": (field("metadata.uid"), "{metadata[uid]}"),
    "LABEL": (field("metadata.labels['app']"), "env"),
    "NOTE": (field("metadata.annotations['a.b/c']"), "two words"),
    "NODE": (field("spec.nodeName"), "node1"),
    "ACCOUNT": (field("spec.serviceAccountName"), "default"),
    "POD_IP": (field("status.podIP"), "{status[podIP]}"),
    "POD_IPS": (field("status.podIPs"), "{status[podIP]}"),
    "HOST_IP": (field("status.hostIP"), "{status[hostIP]}"),
    "LIMIT": (source(resourceFieldRef={"resource": "limits.memory", "divisor": "1Mi"}), "64"),
    "REQUEST": (source(resourceFieldRef={"resource": "requests.cpu", "divisor": "1m"}), "100"),
    "KEY": (source(configMapKeyRef={"name": "settings", "key": "color"}), "blue"),
    "SECRET": (source(secretKeyRef={"name": "login", "key": "user"}), "admin"),
    "FILE": (source(fileKeyRef={"volumeName": "made", "path": "env", "key": "WRITTEN"}), "by init"),
    "KUBE": ({"value": "$(KUBERNETES_SERVICE_HOST)"}, "10.96.0.1"),
    "FROM_color": ({}, "blue"),
    "user": ({}, "admin"),
    "SHOP_DB_SERVICE_HOST": ({}, "10.96.7.7"),
    "SHOP_DB_PORT_5432_TCP_PORT": ({}, "5432"),
}
OPTIONAL = {
    "NO_MAP": source(configMapKeyRef={"name": "none", "key": "k", "optional": True}),
    "NO_KEY": source(secretKeyRef={"name": "login", "key": "k", "optional": True}),
}


@pytest.fixture(scope="module")
def objects(cluster: Cluster) -> Cluster:
    cluster.run("create", "configmap", "settings", "--from-literal=color=blue")
    cluster.run("create", "secret", "generic", "login", "--from-literal=user=admin")
    spec = {"clusterIP": "10.96.7.7", "ports": [{"name": "sql", "port": 5432}], "selector": {"app": "none"}}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop-db"}, "spec": spec})
    return cluster


@pytest.fixture(scope="module")
def seen(objects: Cluster) -> tuple[Json, dict[str, str]]:
    """The pod, and the environment of its first process."""
    entries = {name: entry for name, (entry, _) in ENV.items() if entry} | OPTIONAL
    init = {
        "name": "init",
        "image": "docker.io/local/busybox:1",
        "command": ["sh", "-c", "echo \"WRITTEN='by init'\" > /made/env"],
        "volumeMounts": [{"name": "made", "mountPath": "/made"}],
    }
    pod = objects.start(
        "env",
        metadata={"labels": {"app": "env"}, "annotations": {"a.b/c": "two words"}},
        container={
            "env": [{"name": name, **entry} for name, entry in entries.items()],
            "envFrom": [
                {"prefix": "FROM_", "configMapRef": {"name": "settings"}},
                {"secretRef": {"name": "login"}},
                {"secretRef": {"name": "none", "optional": True}},
            ],
            "command": ["sleep", "1$(REQUEST)00"],
            "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "100m"}},
        },
        initContainers=[init],
        volumes=[{"name": "made", "emptyDir": {}}],
        enableServiceLinks=True,
    )
    text = objects.exec("env", "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ; tr '\\0' ' ' < /proc/1/cmdline")
    return (
        pod,
        dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        | {"command line": text.splitlines()[-1].strip()},
    )


@pytest.mark.parametrize("name", ENV)
def test_value(seen: tuple[Json, dict[str, str]], name: str) -> None:
    pod, values = seen
    expected = ENV[name][1]
    wanted = expected.format_map(pod) if "[" in expected else expected
    assert values[name] == wanted


def test_what_is_optional_is_left_out(seen: tuple[Json, dict[str, str]]) -> None:
    assert not OPTIONAL.keys() & seen[1].keys()


def test_a_command_is_expanded(seen: tuple[Json, dict[str, str]]) -> None:
    assert seen[1]["command line"] == "sleep 110000"


MISSING: dict[str, tuple[Json, str]] = {
    "configmap": (source(configMapKeyRef={"name": "none", "key": "k"}), 'configmap "none" not found'),
    "key": (source(secretKeyRef={"name": "login", "key": "k"}), "couldn't find key k in Secret"),
}


@pytest.mark.parametrize("row", MISSING)
def test_what_is_missing_is_told_and_the_container_starts_when_it_is_there(
    objects: Cluster, row: str
) -> None:
    entry, words = MISSING[row]
    objects.apply(pod_of(f"no-{row}", container={"env": [{"name": "A", **entry}]}))

    def told(pod: Json) -> bool:
        statuses = pod.get("status", {}).get("containerStatuses") or [{}]
        waiting = statuses[0].get("state", {}).get("waiting", {})
        return waiting.get("reason") == "CreateContainerConfigError" and words in waiting.get("message", "")

    objects.await_pod(f"no-{row}", told)
    if row == "configmap":
        objects.run("create", "configmap", "none", "--from-literal=k=v")
        objects.await_ready(f"no-{row}")
    objects.delete(f"no-{row}")


def test_without_links_only_the_api_server_is_told(objects: Cluster) -> None:
    objects.start("nolinks")
    names = {line.partition("=")[0] for line in objects.exec("nolinks", "env").splitlines()}
    assert "KUBERNETES_SERVICE_HOST" in names
    assert not any(name.startswith("SHOP_DB") for name in names)
    objects.delete("nolinks")
