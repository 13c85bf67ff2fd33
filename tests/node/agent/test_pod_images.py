# SPDX-License-Identifier: Apache-2.0
"""Images of pods from real registries, one of which wants a password, as kubectl tells of them."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.image.build import build
from lab.image.builtin import busybox
from lab.image.model import Inline
from tests.support.cluster import Cluster
from tests.support.registry import PASSWORD, USER, Registry, running_registry

pytestmark = pytest.mark.node

PORT = 5007


@pytest.fixture(scope="module")
def registry(cluster: Cluster) -> Iterator[Registry]:
    """A private one, on the loopback of the node."""
    with running_registry(str(cluster.node.namespace), port=PORT, private=True) as started:
        yield started


def pushed(registry: Registry, folder: Path) -> str:
    """The name of a new image in the registry."""
    name = f"{registry.host}/team/app:{secrets.token_hex(3)}"
    spec = replace(busybox(), reference=name)
    registry.push(
        build(replace(spec, files={**spec.files, "/note": Inline(name.encode())}), folder / "image.tar").path
    )
    return name


def waiting(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    found: dict[str, Any] = (statuses[0].get("state") or {}).get("waiting") or {}
    return found


def test_a_secret_opens_a_private_registry(cluster: Cluster, registry: Registry, tmp_path: Path) -> None:
    name = pushed(registry, tmp_path)
    cluster.run(
        *("create", "secret", "docker-registry", "door", f"--docker-server={registry.host}"),
        *(f"--docker-username={USER}", f"--docker-password={PASSWORD}"),
    )
    container = {"image": name}
    cluster.start("guest", "sleep 3600", container=container, imagePullSecrets=[{"name": "door"}])
    assert cluster.exec("guest", "cat", "/note") == name
    cluster.await_event("guest", "Pulling", f'Pulling image "{name}"')
    message = cluster.await_event("guest", "Pulled")["message"]
    shape = rf'Successfully pulled image "{re.escape(name)}" in \S+ \(\S+ including waiting\)\. Image size: \d+ bytes\.'
    assert re.fullmatch(shape, message), message


def test_without_it_the_pod_waits_and_says_why(cluster: Cluster, registry: Registry, tmp_path: Path) -> None:
    name = pushed(registry, tmp_path)
    cluster.start(
        "stranger", "sleep 3600", wait=False, container={"image": name}, imagePullSecrets=[{"name": "none"}]
    )
    pod = cluster.await_pod("stranger", lambda pod: waiting(pod).get("reason") == "ImagePullBackOff")
    assert waiting(pod)["message"].startswith(f'Back-off pulling image "{name}": ErrImagePull: ')
    failed = cluster.await_event("stranger", "Failed", "Failed to pull image")
    assert PASSWORD not in failed["message"]
    cluster.await_event("stranger", "FailedToRetrieveImagePullSecret", "none")


@pytest.mark.parametrize(
    ("pod", "image", "policy", "reason"),
    [
        ("never", "docker.io/local/absent:1", "Never", "ErrImageNeverPull"),
        ("named", "Bad Name", "IfNotPresent", "InvalidImageName"),
        ("nobody", "127.0.0.1:5999/a/b:1", "IfNotPresent", "ImagePullBackOff"),
    ],
)
def test_images_that_cannot_be_had(cluster: Cluster, pod: str, image: str, policy: str, reason: str) -> None:
    cluster.start(pod, "sleep 3600", wait=False, container={"image": image, "imagePullPolicy": policy})
    found = cluster.await_pod(pod, lambda pod: waiting(pod).get("reason") == reason)
    assert image in waiting(found)["message"]
    assert found["status"]["phase"] == "Pending"


def test_an_image_that_is_there_is_not_pulled(cluster: Cluster) -> None:
    cluster.start("present")
    words = 'Container image "docker.io/local/busybox:1" already present on machine'
    cluster.await_event("present", "Pulled", words)
