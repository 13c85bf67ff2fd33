# SPDX-License-Identifier: Apache-2.0
"""What the scheduler sees of pods and nodes: values made once from the objects, cheap to compare many times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kube.selector import Requirement, Selector

Json = dict[str, Any]

# Amounts by resource name: cpu in thousandths of a core, everything else in whole units (bytes, devices).
Amounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that a pod wants; "0.0.0.0" is every address."""

    address: str
    protocol: str
    port: int

    def collides(self, other: "HostPort") -> bool:
        """Whether both cannot be on one node."""
        same = (self.protocol, self.port) == (other.protocol, other.port)
        return same and (self.address == other.address or "0.0.0.0" in (self.address, other.address))


@dataclass(frozen=True, slots=True)
class Taint:
    """A node's taint; effect is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Toleration:
    """A pod's toleration; an empty key tolerates every key, an empty effect every effect."""

    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, taint: Taint) -> bool:
        """Whether the pod bears this taint."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.operator == "Exists" or self.value == taint.value


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One of several alternatives of a node affinity: all of its requirements on labels and on the node's name."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def matches(self, node: "NodeState") -> bool:
        """A term without any requirement matches nothing."""
        if not self.labels and not self.fields:
            return False
        return all(item.matches(node.labels) for item in self.labels) and all(
            item.matches({"metadata.name": node.name}) for item in self.fields
        )


@dataclass(frozen=True, slots=True)
class PodTerm:
    """Which other pods a pod wants near itself, or far away: by their labels and namespaces, within a topology.

    namespaces are named ones; namespace_selector chooses further ones by their labels, None chooses none.
    """

    topology_key: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector | None = None

    def matches(self, namespace: str, labels: Mapping[str, str], of_namespace: Mapping[str, str]) -> bool:
        """Whether a pod is meant; of_namespace are the labels of its namespace."""
        chosen = namespace in self.namespaces or (
            self.namespace_selector is not None and self.namespace_selector.matches(of_namespace)
        )
        return chosen and self.selector.matches(labels)


@dataclass(frozen=True, slots=True)
class Spread:
    """A topology spread constraint; hard is DoNotSchedule. honors_affinity and honors_taints say which nodes count."""

    topology_key: str
    selector: Selector
    max_skew: int = 1
    hard: bool = True
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


@dataclass(frozen=True, slots=True)
class PodInfo:
    """A pod as it is to be placed, or as it takes its place already.

    node_terms None means no required affinity; unsupported names what the pod demands and this scheduler has not. near
    and apart are required pod affinity and anti-affinity, wishes the preferred ones (apart: a negative weight). going:
    its deletion has begun. images are those of its containers.
    """

    namespace: str
    name: str
    uid: str
    requests: Amounts = field(default_factory=dict)
    ports: tuple[HostPort, ...] = ()
    priority: int = 0
    node_name: str = ""
    node_selector: tuple[Requirement, ...] = ()
    node_terms: tuple[NodeTerm, ...] | None = None
    preferred: tuple[tuple[int, NodeTerm], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    unsupported: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    near: tuple[PodTerm, ...] = ()
    apart: tuple[PodTerm, ...] = ()
    wishes: tuple[tuple[int, PodTerm], ...] = ()
    spread: tuple[Spread, ...] = ()
    going: bool = False
    images: tuple[str, ...] = ()

    @property
    def depends_on_others(self) -> bool:
        """Whether other pods may be what it waits for."""
        return bool(self.near or self.apart or self.spread)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node and what the pods on it (assumed ones included) take; images: bytes by name."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Amounts = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)
    pods: int = 0
    ports: tuple[HostPort, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """The node that was chosen, its score, and how many could have been."""

    node: str
    score: int = 0
    feasible: int = 1


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node: reasons counts nodes by what they lack; a node may lack several things."""

    nodes: int
    reasons: Mapping[str, int]

    def __str__(self) -> str:
        if not self.nodes:
            return "no nodes available to schedule pods"
        told = ", ".join(sorted(f"{count} {reason}" for reason, count in self.reasons.items()))
        return f"0/{self.nodes} nodes are available: {told}."
