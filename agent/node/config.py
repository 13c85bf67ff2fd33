# SPDX-License-Identifier: Apache-2.0
"""What a node says of itself, and what it keeps back from pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
# kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction, hard eviction thresholds.
KUBELET_EVICTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "memory.available": "100Mi",
        "nodefs.available": "10%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
    }
)
MAX_PODS: Final = 110


@dataclass(frozen=True, slots=True, order=True)
class Taint:
    """A taint that the node has when it registers; effect is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Amounts are quantities by resource ("cpu", "memory", "ephemeral-storage", "pid"), thresholds by signal.

    pod_cidrs: the node's ranges of pod addresses; () leaves the choice to the cluster. report_seconds: how often
    the status is written although nothing changed; look_seconds: how often it is looked at.
    """

    labels: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    taints: tuple[Taint, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    provider_id: str = ""
    max_pods: int = MAX_PODS
    kube_reserved: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    system_reserved: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    eviction_hard: Mapping[str, str] = field(default_factory=lambda: KUBELET_EVICTION)
    lease_seconds: int = 40
    renew_seconds: float = 10
    look_seconds: float = 10
    report_seconds: float = 300
    pressure_seconds: float = 300
