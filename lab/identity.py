# SPDX-License-Identifier: Apache-2.0
"""Who each node is to the control plane: a kubeconfig and a serving certificate, signed by the lab's authority."""

import time
from dataclasses import dataclass
from typing import Final

from lab.model import API_PORT, LabSpec, NodePaths, NodeSpec

FRESH_SECONDS: Final = 60 * 24 * 3600.0
"""They are valid for a year. Made anew after two months, they end in no lab that is brought up now and then."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What a node's certificates say: its name, its address, and the URL of the control plane that it talks to."""

    name: str
    address: str
    server: str


def ensure(spec: LabSpec) -> None:
    """Make what is missing or old; before the control plane first starts also the lab's authority."""
    missing = [node for node in spec.nodes if not _is_fresh(spec, spec.paths.node(node.name))]
    if not missing:
        return
    # It brings cryptography, which takes longer to import than a whole `up` of what is there.
    from cli import labidentity

    authority = labidentity.open_authority(spec.paths.controlplane.pki)
    for node in missing:
        labidentity.write(authority, _wanted(spec, node), spec.paths.node(node.name))


def server_url(spec: LabSpec) -> str:
    """Where nodes reach the control plane."""
    return f"https://{spec.controlplane_address.ip}:{API_PORT}"


def _wanted(spec: LabSpec, node: NodeSpec) -> NodeIdentity:
    return NodeIdentity(node.name, str(node.address.ip), server_url(spec))


def _is_fresh(spec: LabSpec, paths: NodePaths) -> bool:
    try:
        # Written last, so the others are there too.
        age = time.time() - paths.kubeconfig.stat().st_mtime
        same = paths.authority.read_bytes() == (spec.paths.controlplane.pki / "ca.crt").read_bytes()
    except FileNotFoundError:
        return False
    return same and 0 <= age < FRESH_SECONDS
