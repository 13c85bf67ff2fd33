# SPDX-License-Identifier: Apache-2.0
"""Find the lab and the pod that a command is about."""

from pathlib import Path
from typing import Any

from cli.client import get
from cli.errors import CliError
from lab import Lab, LabError, NodePaths, default_root, open_lab


def find_lab(name: str, root: Path | None) -> Lab:
    """The lab of this name (or in this folder), which has to be there."""
    try:
        return open_lab(root or default_root(name))
    except LabError as error:
        raise CliError(f"{error}; `orlop up` makes one") from error


def find_pod(lab: Lab, namespace: str, name: str) -> tuple[NodePaths, dict[str, Any]]:
    """The node that a pod runs on, and the pod as its agent tells it."""
    known = []
    for node in lab.paths.nodes:
        for pod in get(node.agent_socket, "/pods")["items"]:
            metadata = pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return node, pod
            known.append(f"{metadata['namespace']}/{metadata['name']}")
    raise CliError(
        f"there is no pod {namespace}/{name} here; there are: {', '.join(sorted(known)) or 'none'}"
    )
