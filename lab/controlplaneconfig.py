# SPDX-License-Identifier: Apache-2.0
"""controlplane.yaml: what `orlop controlplane` is told about its lab (pure)."""

from typing import Any

from lab import yamltext
from lab.model import API_PORT, LabSpec


def values(spec: LabSpec) -> dict[str, Any]:
    """The ControlPlaneConfig as plain values."""
    paths = spec.paths.controlplane
    return {
        "apiVersion": "orlop.dev/v1alpha1",
        "kind": "ControlPlaneConfig",
        "pki": str(paths.pki),
        "store": f"sqlite://{paths.store}",
        "address": str(spec.controlplane_address.ip),
        "port": API_PORT,
        "serviceCIDRs": [str(spec.service_cidr)],
        "podCIDRs": [str(spec.cluster_cidr)],
        "kubeconfig": {"path": str(paths.kubeconfig), "server": spec.api_url},
    }


def render(spec: LabSpec) -> str:
    """controlplane.yaml's text."""
    return yamltext.render(values(spec))
