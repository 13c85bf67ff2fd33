# SPDX-License-Identifier: Apache-2.0
"""node.yaml: what `orlop node` is told about its node (pure)."""

from typing import Any

from lab import yamltext
from lab.model import CNI_BRIDGE, CNI_NETWORK, LabSpec, NodeSpec


def values(spec: LabSpec, node: NodeSpec) -> dict[str, Any]:
    """The NodeConfig as plain values."""
    paths = spec.paths.node(node.name)
    return {
        "apiVersion": "orlop.dev/v1alpha1",
        "kind": "NodeConfig",
        "name": node.name,
        "address": str(node.address.ip),
        "runtime": {"socket": str(paths.containerd_socket)},
        "manifests": str(paths.manifests),
        "state": str(paths.state),
        "run": str(paths.run),
        "logs": str(paths.logs),
        "cgroupRoot": paths.cgroup,
        "network": {
            "name": CNI_NETWORK,
            "bridge": CNI_BRIDGE,
            "podCIDRs": [str(node.pod_cidr)],
            "nonMasqueradeCIDRs": [str(spec.cluster_cidr), str(spec.service_cidr)],
            "mtu": 0,
            "cniBin": str(paths.cni_bin),
            "cniConf": str(paths.cni_conf),
        },
    }


def render(spec: LabSpec, node: NodeSpec) -> str:
    """node.yaml's text."""
    return yamltext.render(values(spec, node))
