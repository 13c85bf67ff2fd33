# SPDX-License-Identifier: Apache-2.0
"""A node that has joined a control plane: pods from the API server live and die on it, as kubectl shows."""

import pytest

from tests.support.cluster import Cluster

pytestmark = pytest.mark.node


def test_a_pod_of_the_api_server_runs_and_is_shown_ready(cluster: Cluster) -> None:
    pod = cluster.start("web")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["hostIP"] == "172.30.0.11"
    assert pod["status"]["podIP"].startswith("10.244.1.")
    assert pod["status"]["containerStatuses"][0]["containerID"].startswith("containerd://")
    assert "Running" in cluster.run("get", "pod", "web")


def test_a_deleted_pod_goes_from_the_api_server_once_its_processes_are_gone(cluster: Cluster) -> None:
    cluster.start(
        "short", "trap 'exit 0' TERM; while :; do sleep 0.1; done", terminationGracePeriodSeconds=60
    )
    cluster.delete("short")
    assert cluster.pod("short") == {}


def test_a_pod_with_a_field_that_the_node_does_not_honour_fails_and_says_which(cluster: Cluster) -> None:
    claims = [{"name": "a", "resourceClaimName": "b"}]
    cluster.start("claims", wait=False, nodeName="node1", resourceClaims=claims)
    pod = cluster.await_pod("claims", lambda pod: pod["status"].get("phase") == "Failed")
    assert pod["status"]["reason"] == "UnsupportedField"
    assert "spec.resourceClaims" in pod["status"]["message"]
