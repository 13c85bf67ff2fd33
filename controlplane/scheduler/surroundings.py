# SPDX-License-Identifier: Apache-2.0
"""What the other pods mean for one pod: looked up once for each decision, then asked for each node; pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import Final

from controlplane.scheduler.index import PodIndex
from controlplane.scheduler.model import NodeState, PodInfo, PodTerm, Spread

NEAR: Final = "node(s) didn't match pod affinity rules"
APART: Final = "node(s) didn't match pod anti-affinity rules"
EXISTING: Final = "node(s) didn't satisfy existing pods anti-affinity rules"
SPREAD: Final = "node(s) didn't match pod topology spread constraints"
NO_LABEL: Final = f"{SPREAD} (missing required label)"
BEST: Final = 100

# Parts of topologies: the values of each topology key.
Domains = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard spread constraint with its numbers: the most pods that a domain may have before this pod comes."""

    key: str
    most: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """near: domains that required affinity asks for, by term; where the pod may be the first of its kind, first has the
    topology keys that a node needs instead. apart, existing: closed domains, by the pod's own wish or by others'.
    limits: hard spread constraints. draw, room: what draws the pod to a node, and how little crowded its domains are, 0
    to 100.
    """

    near: tuple[Domains, ...] = ()
    first: tuple[str, ...] = ()
    apart: Domains = field(default_factory=dict)
    existing: Domains = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    draw: Mapping[str, int] = field(default_factory=dict)
    room: Mapping[str, int] = field(default_factory=dict)

    def objections(self, node: NodeState) -> tuple[str, ...]:
        """Why the pod cannot be beside (or away from) those that are there."""
        for limit in self.limits:
            value = node.labels.get(limit.key)
            if value is None:
                return (NO_LABEL,)
            if limit.counts.get(value, 0) > limit.most:
                return (SPREAD,)
        if any(not _is_in(node, domains) for domains in self.near):
            return (NEAR,)
        if any(key not in node.labels for key in self.first):
            return (NEAR,)
        if self.apart and _is_in(node, self.apart):
            return (APART,)
        return (EXISTING,) if self.existing and _is_in(node, self.existing) else ()


NONE: Final = Surroundings()


def surroundings(
    pod: PodInfo, nodes: Mapping[str, NodeState], index: PodIndex, eligible: Mapping[str, tuple[bool, bool]]
) -> Surroundings:
    """Look around. eligible: of each node, whether the pod's own node affinity and tolerations let it go there.

    eligible is asked for pods with spread constraints only.
    """
    if not (pod.near or pod.apart or pod.wishes or pod.spread or index.apart or index.drawing):
        return NONE
    near, first = _near(pod, nodes, index)
    return Surroundings(
        near=near,
        first=first,
        apart=_domains(((term, index.matching(term)) for term in pod.apart), nodes),
        existing=_domains(_closed(pod, index), nodes),
        limits=tuple(_limit(rule, pod, nodes, index, eligible) for rule in pod.spread if rule.hard),
        draw=_draw(pod, nodes, index),
        room=_room(pod, nodes, index, eligible),
    )


def _is_in(node: NodeState, domains: Domains) -> bool:
    return any(node.labels.get(key) in values for key, values in domains.items())


def _domains(
    found: Iterable[tuple[PodTerm, Iterable[Iterable[str]]]], nodes: Mapping[str, NodeState]
) -> Domains:
    """The domains of each term's topology in which these nodes are."""
    domains: dict[str, set[str]] = {}
    for term, where in found:
        for name in (name for names in where for name in names):
            node = nodes.get(name)
            if node is not None and (value := node.labels.get(term.topology_key)) is not None:
                domains.setdefault(term.topology_key, set()).add(value)
    return domains


def _near(
    pod: PodInfo, nodes: Mapping[str, NodeState], index: PodIndex
) -> tuple[tuple[Domains, ...], tuple[str, ...]]:
    """A pod beside which this one may be has to be meant by all terms (as kube-scheduler has it)."""
    if not pod.near:
        return (), ()
    there = list(index.matching(*pod.near))
    domains = tuple(_domains([(term, there)], nodes) for term in pod.near)
    own = index.labels_of(pod.namespace)
    if not any(domains) and all(term.matches(pod.namespace, pod.labels, own) for term in pod.near):
        return (), tuple(term.topology_key for term in pod.near)
    return domains, ()


def _closed(pod: PodInfo, index: PodIndex) -> Iterable[tuple[PodTerm, Iterable[Iterable[str]]]]:
    """Where pods are that do not want this one near."""
    own = index.labels_of(pod.namespace)
    for term, where in index.apart.items():
        if term.matches(pod.namespace, pod.labels, own):
            yield term, [where]


def _counts(
    rule: Spread,
    pod: PodInfo,
    nodes: Mapping[str, NodeState],
    index: PodIndex,
    eligible: Mapping[str, tuple[bool, bool]],
) -> dict[str, int]:
    """The pods that the rule counts, by the domains that count for it, empty ones included."""
    keys = [other.topology_key for other in pod.spread if other.hard is rule.hard]
    counted: dict[str, str] = {}
    for name, node in nodes.items():
        by_affinity, by_taints = eligible[name]
        if (rule.honors_affinity and not by_affinity) or (rule.honors_taints and not by_taints):
            continue
        if all(key in node.labels for key in keys):
            counted[name] = node.labels[rule.topology_key]
    counts = dict.fromkeys(counted.values(), 0)
    for group, where in index.groups.items():
        if group.namespace != pod.namespace or group.going or not rule.selector.matches(group.as_mapping):
            continue
        for name, number in where.items():
            if (value := counted.get(name)) is not None:
                counts[value] += number
    return counts


def _limit(
    rule: Spread,
    pod: PodInfo,
    nodes: Mapping[str, NodeState],
    index: PodIndex,
    eligible: Mapping[str, tuple[bool, bool]],
) -> Limit:
    counts = _counts(rule, pod, nodes, index, eligible)
    fewest = min(counts.values(), default=0) if len(counts) >= rule.min_domains else 0
    own = int(rule.selector.matches(pod.labels))
    return Limit(rule.topology_key, fewest + rule.max_skew - own, counts)


def _draw(pod: PodInfo, nodes: Mapping[str, NodeState], index: PodIndex) -> dict[str, int]:
    """By node, from 0 to 100: the pod's own wishes, and what the others wish of it."""
    weights: Counter[tuple[str, str]] = Counter()
    for weight, term in pod.wishes:
        for where in index.matching(term):
            _weigh(weights, weight, term, nodes, where)
    own = index.labels_of(pod.namespace)
    for (weight, term), where in index.drawing.items():
        if term.matches(pod.namespace, pod.labels, own):
            _weigh(weights, weight, term, nodes, where)
    if not weights:
        return {}
    keys = {key for key, _ in weights}
    raw = {name: sum(weights[key, node.labels.get(key, "")] for key in keys) for name, node in nodes.items()}
    return _scaled(raw)


def _weigh(
    weights: Counter[tuple[str, str]],
    weight: int,
    term: PodTerm,
    nodes: Mapping[str, NodeState],
    where: Counter[str],
) -> None:
    for name, number in where.items():
        node = nodes.get(name)
        if node is not None and (value := node.labels.get(term.topology_key)) is not None:
            weights[term.topology_key, value] += weight * number


def _room(
    pod: PodInfo, nodes: Mapping[str, NodeState], index: PodIndex, eligible: Mapping[str, tuple[bool, bool]]
) -> dict[str, int]:
    """By node, from 0 to 100: how little crowded its domains are by the soft spread constraints."""
    crowded: defaultdict[str, float] = defaultdict(float)
    soft = [rule for rule in pod.spread if not rule.hard]
    for rule in soft:
        counts = _counts(rule, pod, nodes, index, eligible)
        # Of a topology with more domains a pod more in one of them says more.
        factor = log(len(counts) + 2)
        for name, node in nodes.items():
            if (value := node.labels.get(rule.topology_key)) in counts:
                crowded[name] += counts[str(value)] * factor + rule.max_skew - 1
    return _scaled({name: -amount for name, amount in crowded.items()}) if soft else {}


def _scaled(raw: Mapping[str, float]) -> dict[str, int]:
    """The lowest is 0, the highest 100; when all are the same, none is better."""
    low, high = min(raw.values(), default=0), max(raw.values(), default=0)
    if low == high:
        return {}
    return {name: round(BEST * (value - low) / (high - low)) for name, value in raw.items()}
