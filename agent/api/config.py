# SPDX-License-Identifier: Apache-2.0
"""How a node reaches its API server, and how the API server reaches it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """kubeconfig: the node's own identity (system:node:NAME). cluster_dns: what ClusterFirst puts into resolv.conf.

    serving_certificate and serving_key are PEM files for port, where the API server asks for logs and streams;
    client_authority is the PEM file of the authority whose client certificates are believed there.
    """

    kubeconfig: Path
    serving_certificate: Path
    serving_key: Path
    client_authority: Path
    port: int = 10250
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
