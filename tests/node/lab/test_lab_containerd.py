# SPDX-License-Identifier: Apache-2.0
"""The configuration that the lab writes is one that each containerd takes, whole and without touching the host."""

import asyncio
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import cri
from lab import Lab, NodePaths, in_namespace
from tests.support.lab_fixture import idle_node
from tests.support.releases import containerd_release

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="labs need root")]

# Plugins that say that they have nothing to do here, with what they miss.
IDLE = {
    ("io.containerd.differ.v1", "erofs"): "mkfs.erofs",
    ("io.containerd.mount-handler.v1", "erofs"): "the kernel's erofs",
    ("io.containerd.internal.v1", "tracing"): "an endpoint",
    ("io.containerd.internal.v1", "otlp"): "an endpoint",
}


@pytest.fixture(scope="module", params=["1.6", "1.7", "2.1"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab without `orlop node`, on each containerd."""
    with Lab(idle_node(containerd_folder=str(containerd_release(request.param)))) as made:
        yield made


def only_node(lab: Lab) -> NodePaths:
    return lab.paths.nodes[0]


def test_every_plugin_that_is_on_works(lab: Lab) -> None:
    command = ["ctr", "--address", str(only_node(lab).containerd_socket), "plugins", "ls"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in printed.splitlines()[1:]]
    broken = {(row[0], row[1]) for row in rows if row[-1] != "ok"} - IDLE.keys()
    assert not broken
    assert {"cri", "overlayfs", "tasks"} <= {row[1] for row in rows}
    assert not {"opt", "btrfs", "zfs", "devmapper", "aufs", "blockfile", "restart"} & {row[1] for row in rows}


def test_no_value_of_the_configuration_is_unknown(lab: Lab) -> None:
    """The daemon warns about keys that it ignores; that CNI has no configuration yet is no warning of that kind."""
    log = only_node(lab).log_file("containerd").read_text()
    assert not re.search(r"unknown key|level=warning.*deprecat", log)


def test_what_the_daemon_runs_with_is_what_the_lab_wrote(lab: Lab) -> None:
    node = only_node(lab)
    folder = lab.spec.containerd_folder
    dumped = subprocess.run(
        [f"{folder}/containerd", "--config", str(node.containerd_config), "config", "dump"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for value in (
        node.cni_bin,
        node.cni_conf,
        node.registry_hosts,
        f"{folder}/containerd-shim-runc-v2",
        "docker.io/local/pause:1",
    ):
        assert str(value) in dumped
    for setting in ("netns_mounts_under_state_dir = true", "SystemdCgroup = false"):
        assert setting in dumped
    assert f"restrict_oom_score_adj = {str(not may_lower_oom_score_adj()).lower()}" in dumped


def may_lower_oom_score_adj() -> bool:
    """By trying it, in a process that ends."""
    script = "echo -1 > /proc/self/oom_score_adj"
    return subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode == 0


def test_images_are_pulled_by_way_of_the_hosts_folder(lab: Lab) -> None:
    """A registry on the node's loopback without TLS, reached under a name that exists in hosts.toml only."""
    node, asked = only_node(lab), []

    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_GET = do_HEAD  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with in_namespace(node.namespace):
        server = HTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        hosts = node.registry_hosts / "registry.test"
        hosts.mkdir()
        url = f"http://127.0.0.1:{server.server_port}"
        (hosts / "hosts.toml").write_text(f'server = "{url}"\n[host."{url}"]\n')
        with pytest.raises(cri.CriError):
            asyncio.run(pull(node, "registry.test/some/image:1"))
    finally:
        server.shutdown()
        server.server_close()
    assert any(path.startswith("/v2/some/image/manifests/1") for path in asked)


async def pull(node: NodePaths, image: str) -> None:
    runtime = await cri.connect(node.containerd_socket)
    try:
        await runtime.pull_image(image)
    finally:
        await runtime.close()
