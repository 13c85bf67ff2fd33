# SPDX-License-Identifier: Apache-2.0
"""Volumes and environment of manifests on a node without an API server, on the newest containerd."""

from collections.abc import Iterator

import pytest

from tests.support.node import Node, manifest, running_node
from tests.support.releases import containerd_release

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def alone() -> Iterator[Node]:
    with running_node(containerd=str(containerd_release("2.1"))) as node:
        yield node


EVERYTHING = """\
volumes:
  - {name: empty, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - name: labels
    downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}
  - {name: image, image: {reference: docker.io/local/busybox:1}}
"""
MOUNTS = """\
volumeMounts:
  - {name: empty, mountPath: /empty, subPathExpr: $(POD)/x}
  - {name: memory, mountPath: /memory}
  - {name: labels, mountPath: /labels}
  - {name: image, mountPath: /image}
env:
  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
"""
SCRIPT = """\
echo $POD; cat /labels/name; echo; touch /empty/f && ls /empty; df -k /memory | tail -1 | awk '{print $2}'
ls /image/bin/busybox; touch /image/x 2>&1 | sed 's/.*: //'
"""


def test_a_manifest_has_volumes_and_images_are_mounted(alone: Node) -> None:
    alone.put("all.yaml", manifest("all", "exec sleep 3600", spec=EVERYTHING, container=MOUNTS))
    alone.await_status("all", "Running")
    printed = alone.exec("all", "sh", "-c", SCRIPT).stdout.decode().splitlines()
    assert printed == ["all", "all", "f", "1024", "/image/bin/busybox", "Read-only file system"]
    alone.take("all.yaml")
    alone.await_gone("all")


def test_what_needs_an_api_server_is_told(alone: Node) -> None:
    volumes = "volumes: [{name: c, configMap: {name: settings}}]"
    mounts = "volumeMounts: [{name: c, mountPath: /c}]"
    alone.put("needs.yaml", manifest("needs", "exec sleep 3600", spec=volumes, container=mounts))
    words = 'cannot read configmap "settings": this node has no API server'
    alone.until(lambda: words in alone.describe("needs"), lambda: alone.describe("needs"))
    alone.take("needs.yaml")
    alone.await_gone("needs")
