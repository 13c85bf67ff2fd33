# SPDX-License-Identifier: Apache-2.0
"""Static pods of a node that has joined a control plane: kubectl sees a mirror, which is only a picture."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.support.cluster import Cluster, condition, pod

pytestmark = pytest.mark.node

Put = Callable[..., None]
NAME = "static-node1"


@pytest.fixture
def put(cluster: Cluster) -> Iterator[Put]:
    """Writes the manifest of the static pod "static"; it is taken away afterwards."""
    path = cluster.node.manifests / f"{cluster.current}.yaml"

    def write(script: str, **spec: Any) -> None:
        manifest = pod("static", script, metadata={"namespace": cluster.current}, **spec)
        new = path.with_name(f".{path.name}.new")
        new.write_text(yaml.safe_dump(manifest))
        new.rename(path)

    try:
        yield write
    finally:
        path.unlink(missing_ok=True)
        cluster.await_gone(NAME)


def container_id(found: dict[str, Any]) -> str:
    return str(found["status"]["containerStatuses"][0]["containerID"])


def test_the_mirror_shows_the_pod_comes_back_and_follows_the_manifest(cluster: Cluster, put: Put) -> None:
    put("exec sleep 100000")
    mirror = cluster.await_ready(NAME)
    assert "kubernetes.io/config.mirror" in mirror["metadata"]["annotations"]
    owner = mirror["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("Node", "node1")
    # To delete the picture ends nothing.
    cluster.run("delete", "pod", NAME, "--wait=false")
    again = cluster.await_pod(
        NAME,
        lambda found: (
            found.get("metadata", {}).get("uid") not in (None, mirror["metadata"]["uid"])
            and condition(found, "Ready") == "True"
        ),
    )
    assert container_id(again) == container_id(mirror)
    # Another manifest is another pod.
    put("exec sleep 200000")
    changed = cluster.await_pod(
        NAME,
        lambda found: condition(found, "Ready") == "True" and container_id(found) != container_id(mirror),
    )
    assert changed["spec"]["containers"][0]["command"][-1] == "exec sleep 200000"


def test_a_static_pod_that_crashes_is_shown_as_such(cluster: Cluster, put: Put) -> None:
    put("exit 3", restartPolicy="Never")
    mirror = cluster.await_pod(NAME, lambda found: found.get("status", {}).get("phase") == "Failed")
    assert mirror["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_a_pod_of_the_api_server_with_a_static_pods_name_is_refused(cluster: Cluster, put: Put) -> None:
    put("exec sleep 100000")
    cluster.await_ready(NAME)
    cluster.start("static", wait=False, nodeName="node1")
    refused = cluster.await_pod("static", lambda found: found.get("status", {}).get("phase") == "Failed")
    assert refused["status"]["reason"] == "NameConflict"
    assert condition(cluster.pod(NAME), "Ready") == "True"
    cluster.delete("static")
