# SPDX-License-Identifier: Apache-2.0
"""Why a node cannot take a pod. Each filter gives its reasons in the words that users know from kube-scheduler."""

from collections.abc import Callable
from typing import Final

from controlplane.scheduler.model import NodeState, PodInfo, Taint
from controlplane.scheduler.surroundings import NONE, Surroundings

Filter = Callable[[PodInfo, NodeState], tuple[str, ...]]

_UNSCHEDULABLE: Final = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
_KEEPING_AWAY: Final = ("NoSchedule", "NoExecute")


def supported(pod: PodInfo, node: NodeState) -> tuple[str, ...]:  # noqa: ARG001 - one signature for all
    """What this scheduler does not know how to honour is refused by name."""
    if not pod.unsupported:
        return ()
    return tuple(f"node(s) cannot be judged: this scheduler has no {what}" for what in pod.unsupported)


def schedulable(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """Cordoned nodes take only who tolerates that."""
    if node.unschedulable and not any(item.tolerates(_UNSCHEDULABLE) for item in pod.tolerations):
        return ("node(s) were unschedulable",)
    return ()


def node_name(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """A pod that names its node goes there or nowhere."""
    return ("node(s) didn't match the requested node name",) if pod.node_name not in ("", node.name) else ()


def taints(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """Taints that keep away, not merely prefer to."""
    for taint in node.taints:
        if taint.effect in _KEEPING_AWAY and not any(item.tolerates(taint) for item in pod.tolerations):
            return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)
    return ()


def affinity(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """nodeSelector, and one of the terms of the required node affinity."""
    if pod.node_terms is None and not pod.node_selector:
        return ()
    selected = all(item.matches(node.labels) for item in pod.node_selector)
    if selected and (pod.node_terms is None or any(term.matches(node) for term in pod.node_terms)):
        return ()
    return ("node(s) didn't match Pod's node affinity/selector",)


def ports(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """A node's port is given once."""
    if pod.ports and any(wanted.collides(taken) for wanted in pod.ports for taken in node.ports):
        return ("node(s) didn't have free ports for the requested pod ports",)
    return ()


def resources(pod: PodInfo, node: NodeState) -> tuple[str, ...]:
    """Everything that is requested must be left, extended resources and a place among the node's pods included."""
    crowded = ("Too many pods",) if node.pods + 1 > node.allocatable.get("pods", 0) else ()
    missing = [
        f"Insufficient {name}"
        for name, amount in pod.requests.items()
        if amount and amount > node.allocatable.get(name, 0) - node.used.get(name, 0)
    ]
    return (*crowded, *missing)


# The first that objects speaks for the node.
ALL: Final[tuple[Filter, ...]] = (
    supported, schedulable, node_name, taints, affinity, ports, resources,
)  # fmt: skip


def objections(pod: PodInfo, node: NodeState, around: Surroundings = NONE) -> tuple[str, ...]:
    """Why not this node; empty when it can take the pod. around: what other pods mean for it."""
    for check in ALL:
        if found := check(pod, node):
            return found
    return () if around is NONE else around.objections(node)
