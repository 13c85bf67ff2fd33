# SPDX-License-Identifier: Apache-2.0
"""The main job on each containerd that is supported."""

import pytest

from tests.support.node import manifest, running_node
from tests.support.releases import containerd_release

pytestmark = pytest.mark.node

SERVER = "mkdir -p /www && echo served > /www/index.html && exec httpd -f -p 8080 -h /www"


@pytest.mark.parametrize("release", ["1.7", "2.1"])
def test_pods_talk_restart_and_go(release: str) -> None:
    with running_node(containerd=str(containerd_release(release))) as node:
        limits = "resources: {limits: {cpu: 200m, memory: 64Mi}}"
        node.put("web.yaml", manifest("web", SERVER, container=limits))
        node.put("client.yaml", manifest("client", "exec sleep 3600"))
        node.put(
            "once.yaml", manifest("once", "tail /dev/zero", spec="restartPolicy: Never", container=limits)
        )
        ip = node.await_status("web", "Running")["status"]["podIP"]
        node.await_status("client", "Running")
        assert node.agent()["runtime"]["version"].startswith(release)
        fetched = node.exec("client", "timeout", "5", "wget", "-q", "-O", "-", f"http://{ip}:8080/")
        assert fetched.stdout == b"served\n", fetched.stderr
        assert node.cgroup("web").limits.memory_max == 64 << 20
        node.await_status("once", "OOMKilled")
        for name in ("web", "client", "once"):
            node.take(f"{name}.yaml")
        for name in ("web", "client", "once"):
            node.await_gone(name)
        assert node.addresses() == ()
