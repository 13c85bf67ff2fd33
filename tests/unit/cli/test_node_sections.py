# SPDX-License-Identifier: Apache-2.0
"""The node's configuration file: what it says of logs, images and HTTPS reaches the agent, and nonsense is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.image.gc import GcPolicy
from cli.config import agent_config, read_config
from cli.errors import CliError

BASE: dict[str, Any] = {
    "apiVersion": "orlop.dev/v1alpha1",
    "kind": "NodeConfig",
    "name": "node1",
    "runtime": {"socket": "/run/containerd.sock"},
    "manifests": "/m",
    "state": "/state",
    "run": "/run/x",
    "logs": "/logs",
    "cgroupRoot": "/",
    "network": {
        "name": "n",
        "podCIDRs": ["10.244.1.0/24"],
        "nonMasqueradeCIDRs": [],
        "cniBin": "/b",
        "cniConf": "/c",
    },
}


def write(folder: Path, **sections: Any) -> Path:
    path = folder / "node.yaml"
    path.write_text(yaml.safe_dump({**BASE, **sections}))
    return path


def test_sections_reach_the_agent(tmp_path: Path) -> None:
    images = {
        "parallelPulls": 1,
        "credentials": "/c.json",
        "gcHighPercent": 70,
        "gcLowPercent": 60,
        "gcMaxAge": 5,
    }
    https = {"port": 0, "host": "127.0.0.1", "clientAuthority": "/ca", "groups": ["ops"]}
    path = write(tmp_path, logRotation={"maxSize": "1Mi", "maxFiles": 3}, images=images, https=https)
    config = agent_config(read_config(path))
    assert (config.rotation.max_size, config.rotation.max_files) == (1 << 20, 3)
    assert (config.images.parallel_pulls, config.images.credentials) == (1, Path("/c.json"))
    assert config.images.gc == GcPolicy(70, 60, 120, 5)
    assert config.https is not None
    assert (config.https.port, config.https.client_authority, config.https.groups) == (
        0,
        Path("/ca"),
        {"ops"},
    )
    assert config.https.certificate is None
    assert config.https.pki == Path("/state/agent/pki")


def test_defaults_are_the_kubelets(tmp_path: Path) -> None:
    config = agent_config(read_config(write(tmp_path)))
    assert (config.rotation.max_size, config.rotation.max_files) == (10 << 20, 5)
    assert (config.images.gc, config.https) == (GcPolicy(85, 80, 120, 0), None)


@pytest.mark.parametrize(
    "sections",
    [
        {"logRotation": {"maxSize": "much"}},
        {"logRotation": {"maxFiles": 0}},
        {"images": {"gcHighPercent": 101}},
        {"images": {"pullFaster": True}},
        {"https": {"port": 70000}},
    ],
)
def test_nonsense_is_refused_with_the_files_name(tmp_path: Path, sections: dict[str, Any]) -> None:
    with pytest.raises(CliError, match=r"node\.yaml"):
        read_config(write(tmp_path, **sections))
