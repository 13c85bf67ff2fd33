# SPDX-License-Identifier: Apache-2.0
"""node.yaml: what `orlop node` is told about its node (pure)."""

from typing import Any, Final

from lab import yamltext
from lab.model import CNI_BRIDGE, CNI_NETWORK, LabSpec, NodePaths, NodeSpec

CLUSTER_DOMAIN: Final = "cluster.local"
DNS_INDEX: Final = 10
"""Which address of the Services' range DNS has; kubeadm's choice."""
EVICTION: Final = {"memory.available": "50Mi", "nodefs.available": "100Mi", "imagefs.available": "100Mi"}
"""A lab shares the machine with other work: the kubelet's 10 % of a disk would often be missing."""
IMAGES: Final = {"gcHighPercent": 100, "gcLowPercent": 99}
"""For the same reason; images that were loaded have no registry to come back from."""


def values(spec: LabSpec, node: NodeSpec) -> dict[str, Any]:
    """The NodeConfig as plain values."""
    paths = spec.paths.node(node.name)
    return {
        **_common(spec, node),
        **({"api": _api(spec, paths)} if spec.controlplane else {}),
        "node": {"evictionHard": EVICTION},
        "images": IMAGES,
    }


def _common(spec: LabSpec, node: NodeSpec) -> dict[str, Any]:
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


def _api(spec: LabSpec, paths: NodePaths) -> dict[str, Any]:
    return {
        "kubeconfig": str(paths.kubeconfig),
        "servingCertificate": str(paths.serving_certificate),
        "servingKey": str(paths.serving_key),
        "clientAuthority": str(paths.authority),
        "clusterDNS": [str(spec.service_cidr[DNS_INDEX])],
        "clusterDomain": CLUSTER_DOMAIN,
    }


def render(spec: LabSpec, node: NodeSpec) -> str:
    """node.yaml's text."""
    return yamltext.render(values(spec, node))
