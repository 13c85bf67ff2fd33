# SPDX-License-Identifier: Apache-2.0
"""What a pod's environment, downward API and volumes may ask for beyond what the pod itself says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kube.quantity import Quantity


@dataclass(frozen=True, slots=True)
class PodFacts:
    """The addresses of one pod (none before its sandbox runs) and what it needs to know of its node.

    allocatable has what the node can give to pods by resource name: "cpu", "memory", "ephemeral-storage"... A
    container without a limit of its own sees these as its limits. node_labels decide whether a volume that belongs to
    one node may be used here.
    """

    pod_ips: tuple[str, ...]
    host_ips: tuple[str, ...]
    node_name: str
    allocatable: Mapping[str, Quantity]
    node_labels: Mapping[str, str] = field(default_factory=dict)
