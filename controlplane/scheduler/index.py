# SPDX-License-Identifier: Apache-2.0
"""Which pods are where, by what others ask of them.

Pods of one workload have the same labels and the same terms. They are counted as one group a node, so that a question
about all pods of a cluster costs as much as there are workloads and nodes, not as much as there are pods.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from controlplane.scheduler.model import PodInfo, PodTerm

K = TypeVar("K")

# kube-scheduler's hardPodAffinityWeight: what a placed pod requires draws others a little.
_OF_REQUIRED: Final = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Pods that nobody can tell apart by labels."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    going: bool

    @property
    def as_mapping(self) -> Mapping[str, str]:
        """The labels."""
        return dict(self.labels)


@dataclass(slots=True)
class PodIndex:
    """Counts of placed pods by node: by group, by required anti-affinity, by what draws or repels others.

    namespaces are the labels of each namespace.
    """

    groups: dict[Group, Counter[str]] = field(default_factory=dict)
    apart: dict[PodTerm, Counter[str]] = field(default_factory=dict)
    drawing: dict[tuple[int, PodTerm], Counter[str]] = field(default_factory=dict)
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def add(self, pod: PodInfo, node: str) -> None:
        """The pod is on the node."""
        _count(self.groups, _group(pod), node, 1)
        for term in pod.apart:
            _count(self.apart, term, node, 1)
        for pull in _pulls(pod):
            _count(self.drawing, pull, node, 1)

    def remove(self, pod: PodInfo, node: str) -> None:
        """It is not any more; the pod is as it was added."""
        _count(self.groups, _group(pod), node, -1)
        for term in pod.apart:
            _count(self.apart, term, node, -1)
        for pull in _pulls(pod):
            _count(self.drawing, pull, node, -1)

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """The namespace's labels."""
        return self.namespaces.get(namespace, {})

    def matching(self, *terms: PodTerm) -> Iterator[Counter[str]]:
        """By node, the pods that all of the terms mean."""
        for group, nodes in self.groups.items():
            labels, of_namespace = group.as_mapping, self.labels_of(group.namespace)
            if all(term.matches(group.namespace, labels, of_namespace) for term in terms):
                yield nodes


def _group(pod: PodInfo) -> Group:
    return Group(pod.namespace, tuple(sorted(pod.labels.items())), pod.going)


def _pulls(pod: PodInfo) -> tuple[tuple[int, PodTerm], ...]:
    return (*pod.wishes, *((_OF_REQUIRED, term) for term in pod.near))


def _count(counts: dict[K, Counter[str]], key: K, node: str, step: int) -> None:
    of_key = counts.setdefault(key, Counter())
    of_key[node] += step
    if of_key[node] <= 0:
        del of_key[node]
    if not of_key:
        del counts[key]
