# SPDX-License-Identifier: Apache-2.0
"""Whether a pod fits on this node beside the others (pure): the kubelet's own look, after the scheduler's.

The scheduler may have decided on an older state, and whoever sets spec.nodeName asks nobody. Reasons and texts are the
kubelet's, by which people search.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.model import QosClass
from agent.cgroup.qos import qos_class
from agent.cgroup.resources import pod_requests
from agent.node.capacity import CPU, Resources
from agent.sources.model import DesiredPod, Origin, Refusal
from kube.errors import SelectorError
from kube.node_selector import matches
from kube.quantity import ZERO, Quantity

PODS: Final = "pods"
_OS_LABEL: Final = "kubernetes.io/os"
_OS: Final = "linux"
# The priority from which on a pod is critical (system-cluster-critical); pressure does not keep it away.
_CRITICAL: Final = 2_000_000_000
_MEMORY_TAINT: Final = "node.kubernetes.io/memory-pressure"


@dataclass(frozen=True, slots=True)
class NodeView:
    """What of the node counts. pressures: the names of the conditions that are True."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[core_v1.Taint, ...]
    allocatable: Resources
    pressures: frozenset[str] = frozenset()
    is_shutting_down: bool = False


def refusal_of(desired: DesiredPod, others: Iterable[DesiredPod], node: NodeView) -> Refusal | None:
    """Why the pod cannot run beside the others; None when it can. Its node counts as the API server shows it.

    Static pods are the node owner's own: neither other pods' requests nor taints nor pressure keep them away.
    """
    spec = desired.pod.spec
    if spec is None:
        return None
    others = tuple(others)
    checks = [_system(spec, node), _affinity(spec, node), _ports(spec, others)]
    if desired.origin is Origin.API:
        checks += [_shutdown(node), _pressure(desired.pod, node), _taints(spec, node)]
        checks += [_resources(desired.pod, others, node.allocatable)]
    return next((found for found in checks if found), None)


def _shutdown(node: NodeView) -> Refusal | None:
    if not node.is_shutting_down:
        return None
    return Refusal("NodeShutdown", "Pod was rejected as the node is shutting down.")


def _system(spec: core_v1.PodSpec, node: NodeView) -> Refusal | None:
    if spec.os and spec.os.name != _OS:
        text = "Failed to admit pod as the OS field doesn't match node OS"
        return Refusal("PodOSNotSupported", text)
    selected = (spec.nodeSelector or {}).get(_OS_LABEL)
    if selected is not None and selected != node.labels.get(_OS_LABEL):
        text = f"Failed to admit pod as the `{_OS_LABEL}` label doesn't match node label"
        return Refusal("PodOSSelectorNodeLabelDoesNotMatch", text)
    return None


def _affinity(spec: core_v1.PodSpec, node: NodeView) -> Refusal | None:
    failed = Refusal(
        "NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    )
    if any(node.labels.get(key) != value for key, value in (spec.nodeSelector or {}).items()):
        return failed
    wanted = spec.affinity and spec.affinity.nodeAffinity
    terms = wanted and wanted.requiredDuringSchedulingIgnoredDuringExecution
    try:
        return failed if terms and not matches(terms, node.labels, node.name) else None
    except SelectorError as error:
        return Refusal("NodeAffinity", f"Predicate NodeAffinity failed: {error}")


def _taints(spec: core_v1.PodSpec, node: NodeView) -> Refusal | None:
    for taint in node.taints:
        if taint.effect == "NoExecute" and not any(_tolerates(t, taint) for t in spec.tolerations or ()):
            text = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"
            return Refusal("TaintToleration", text)
    return None


def _tolerates(toleration: core_v1.Toleration, taint: core_v1.Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and (toleration.value or "") == (taint.value or "")


def _pressure(pod: core_v1.Pod, node: NodeView) -> Refusal | None:
    spec = pod.spec
    if spec is None or not node.pressures or (spec.priority or 0) >= _CRITICAL:
        return None
    found = set(node.pressures)
    if "MemoryPressure" in found and _bears_memory_pressure(pod, spec):
        found.discard("MemoryPressure")
    if not found:
        return None
    return Refusal("Evicted", f"The node had condition: [{', '.join(sorted(found))}]. ")


def _bears_memory_pressure(pod: core_v1.Pod, spec: core_v1.PodSpec) -> bool:
    """Only pods that asked for nothing are kept away, unless they say that they can bear it."""
    taint = core_v1.Taint(effect="NoSchedule", key=_MEMORY_TAINT)
    tolerated = any(_tolerates(each, taint) for each in spec.tolerations or ())
    return tolerated or qos_class(pod) is not QosClass.BEST_EFFORT


def _ports(spec: core_v1.PodSpec, others: Iterable[DesiredPod]) -> Refusal | None:
    taken = [port for other in others if other.pod.spec for port in _host_ports(other.pod.spec)]
    for address, protocol, number in _host_ports(spec):
        for other, kind, held in taken:
            if (kind, held) == (protocol, number) and (address == other or "0.0.0.0" in (address, other)):
                text = (
                    "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
                )
                return Refusal("NodePorts", text)
    return None


def _host_ports(spec: core_v1.PodSpec) -> Iterator[tuple[str, str, int]]:
    """Address, protocol and number of each port of the node that the pod asks for."""
    sidecars = [each for each in spec.initContainers or () if each.restartPolicy == "Always"]
    for container in (*spec.containers, *sidecars):
        for port in container.ports or ():
            number = port.hostPort or (port.containerPort if spec.hostNetwork else 0)
            if number:
                yield port.hostIP or "0.0.0.0", port.protocol or "TCP", number


def _resources(pod: core_v1.Pod, others: tuple[DesiredPod, ...], allocatable: Resources) -> Refusal | None:
    most = allocatable.get(PODS, ZERO).value()
    if len(others) + 1 > most:
        return _short_of(PODS, 1, len(others), most)
    used: dict[str, Quantity] = {}
    for other in others:
        for name, amount in pod_requests(other.pod).items():
            used[name] = used.get(name, ZERO) + amount
    for name, amount in pod_requests(pod).items():
        whole, taken = allocatable.get(name, ZERO), used.get(name, ZERO)
        if amount and taken + amount > whole:
            return _short_of(name, _number(name, amount), _number(name, taken), _number(name, whole))
    return None


def _number(name: str, amount: Quantity) -> int:
    return amount.milli_value() if name == CPU else amount.value()


def _short_of(name: str, requested: int, used: int, capacity: int) -> Refusal:
    numbers = f"requested: {requested}, used: {used}, capacity: {capacity}"
    return Refusal(f"OutOf{name}", f"Node didn't have enough resource: {name}, {numbers}")
