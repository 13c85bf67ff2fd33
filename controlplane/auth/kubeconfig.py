# SPDX-License-Identifier: Apache-2.0
"""A kubeconfig file with everything inside: server, CA and the client's certificate."""

import base64
from pathlib import Path
from typing import Any

import yaml

from controlplane.auth import files
from controlplane.auth.pki import Pair


def render(server: str, ca_pem: bytes, client: Pair, *, cluster: str = "orlop", user: str = "admin") -> str:
    """The file's text; server is a URL such as https://127.0.0.1:6443."""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _data(ca_pem)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _data(client.certificate_pem),
                    "client-key-data": _data(client.key_pem),
                },
            }
        ],
        "contexts": [{"name": f"{user}@{cluster}", "context": {"cluster": cluster, "user": user}}],
        "current-context": f"{user}@{cluster}",
        "preferences": {},
    }
    return yaml.safe_dump(config, sort_keys=False)


def write(path: Path, text: str) -> None:
    """Readable by its owner only, complete or not there."""
    files.replace(path, text.encode(), files.PRIVATE)


def _data(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
