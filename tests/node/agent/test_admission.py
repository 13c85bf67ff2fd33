# SPDX-License-Identifier: Apache-2.0
"""Pods that are bound to a node which cannot take them: what kubectl shows, and that others do not notice."""

from typing import Any

import pytest

from tests.support.cluster import Cluster

pytestmark = pytest.mark.node

NOWHERE = {
    "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "DoesNotExist"}]}]
}
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("cpu", {"container": {"resources": {"requests": {"cpu": "900"}}}}, "OutOfcpu", "requested: 900000"),
    (
        "memory",
        {"container": {"resources": {"requests": {"memory": "900Ti"}}}},
        "OutOfmemory",
        "resource: memory",
    ),
    ("selector", {"nodeSelector": {"no": "such"}}, "NodeAffinity", "node affinity/selector"),
    (
        "affinity",
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": NOWHERE}}},
        "NodeAffinity",
        "selector",
    ),
]


@pytest.mark.parametrize(("name", "spec", "reason", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_pod_that_the_node_cannot_take_fails_with_the_kubelets_reason(
    cluster: Cluster, name: str, spec: dict[str, Any], reason: str, words: str
) -> None:
    cluster.start(name, wait=False, nodeName="node1", **spec)
    pod = cluster.await_pod(name, lambda pod: pod["status"].get("phase") == "Failed")
    assert pod["status"]["reason"] == reason
    assert pod["status"]["message"].startswith("Pod was rejected: ")
    assert words in pod["status"]["message"]
    assert reason in cluster.run("get", "pod", name)
    cluster.delete(name)


def test_the_second_pod_with_a_port_of_the_node_is_refused_and_the_first_one_stays(cluster: Cluster) -> None:
    ports = {"ports": [{"containerPort": 80, "hostPort": 18080}]}
    first = cluster.start("first", nodeName="node1", container=ports)
    cluster.start("second", wait=False, nodeName="node1", container=ports)
    second = cluster.await_pod("second", lambda pod: pod["status"].get("phase") == "Failed")
    assert second["status"]["reason"] == "NodePorts"
    now = cluster.pod("first")
    assert now["metadata"]["uid"] == first["metadata"]["uid"]
    assert now["status"]["phase"] == "Running"
    assert "NodePorts" in cluster.await_event("second", "NodePorts")["reason"]
