# SPDX-License-Identifier: Apache-2.0
"""From a pod to its class of service and its limits at both levels, by the kubelet's rules; pure.

Malformed quantities raise kube.errors.QuantityError; sources of pods refuse such pods before they come here.
"""

from collections.abc import Iterable

from lightkube.models.core_v1 import Container, Pod

from agent.cgroup.model import CgroupLimits, QosClass
from agent.cgroup.oom import oom_score_adj
from agent.cgroup.resources import (
    CPU,
    MEMORY,
    Amounts,
    all_containers,
    limits_of,
    pod_level_limits,
    pod_level_requests,
    pod_limits_sum,
    pod_requests,
    requests_of,
    spec_of,
)
from agent.cgroup.shares import MIN_SHARES, PERIOD_US, milli_to_quota, milli_to_shares
from cri.model import LinuxResources
from kube.quantity import ZERO

_COUNTED = (CPU, MEMORY)


def qos_class(pod: Pod) -> QosClass:
    """Guaranteed: every container limits CPU and memory and asks for no less. BestEffort: nothing is said.

    Only CPU and memory count, amounts of zero do not, init containers do. What is said at the pod's own level
    (spec.resources) decides alone.
    """
    levels = _levels(pod)
    if not any(limits or requests for limits, requests in levels):
        return QosClass.BEST_EFFORT
    limited = all(len(limits) == len(_COUNTED) for limits, _ in levels)
    limits, requests = _sum(limits for limits, _ in levels), _sum(requests for _, requests in levels)
    return QosClass.GUARANTEED if limited and limits == requests else QosClass.BURSTABLE


def pod_limits(pod: Pod) -> CgroupLimits:
    """The limits of the pod's own cgroup.

    A CPU quota or a memory limit is set only if every container has one, or the pod level has: the sum would
    otherwise bind a container that was promised freedom.
    """
    if qos_class(pod) is QosClass.BEST_EFFORT:
        return CgroupLimits(cpu_shares=MIN_SHARES)
    limits = pod_limits_sum(pod)
    cpu = limits[CPU].milli_value() if _is_limited(pod, CPU) else 0
    return CgroupLimits(
        cpu_shares=milli_to_shares(pod_requests(pod).get(CPU, ZERO).milli_value()),
        cpu_quota_us=milli_to_quota(cpu) if cpu else None,
        cpu_period_us=PERIOD_US if cpu else None,
        memory_max=limits[MEMORY].value() if _is_limited(pod, MEMORY) else None,
    )


def container_resources(
    pod: Pod, container: Container, *, memory_capacity: int, cgroup_v2: bool = False
) -> LinuxResources:
    """What the runtime is told for one container of `pod`; `memory_capacity` is the node's memory in bytes.

    A container without a limit of its own is given the pod level's. On v2 the container's processes die
    together when one of them runs out of memory (memory.oom.group); v1 knows no such thing.
    """
    limits = {**pod_level_limits(pod), **_without_zeros(limits_of(container))}
    cpu = limits.get(CPU, ZERO).milli_value()
    return LinuxResources(
        cpu_shares=milli_to_shares(requests_of(container).get(CPU, ZERO).milli_value()),
        cpu_period=PERIOD_US,
        cpu_quota=milli_to_quota(cpu),
        memory_limit=limits.get(MEMORY, ZERO).value(),
        oom_score_adj=oom_score_adj(pod, container, qos_class(pod), memory_capacity),
        unified={"memory.oom.group": "1"} if cgroup_v2 else {},
    )


def burstable_limits(pods: Iterable[Pod]) -> CgroupLimits:
    """The limits of the level of all burstable pods, given every pod of the node.

    Its shares are the sum of its pods' requests, so that a burstable pod's CPU request weighs as much
    against a guaranteed pod's as the figures say.
    """
    burstable = (pod for pod in pods if qos_class(pod) is QosClass.BURSTABLE)
    milli_cpu = sum(pod_requests(pod).get(CPU, ZERO).milli_value() for pod in burstable)
    return CgroupLimits(cpu_shares=milli_to_shares(milli_cpu))


def _levels(pod: Pod) -> list[tuple[Amounts, Amounts]]:
    """(limits, requests) of what decides the class: the pod level if it speaks, else each container."""
    if spec_of(pod).resources is not None:
        whole = _counted(pod_level_limits(pod)), _counted(pod_level_requests(pod))
        if any(whole):
            return [whole]
    return [(_counted(limits_of(c)), _counted(requests_of(c))) for c in all_containers(pod)]


def _is_limited(pod: Pod, resource: str) -> bool:
    if pod_level_limits(pod).get(resource):
        return True
    return all(limits_of(container).get(resource) for container in all_containers(pod))


def _counted(amounts: Amounts) -> Amounts:
    return {name: amounts[name] for name in _COUNTED if amounts.get(name, ZERO) > ZERO}


def _without_zeros(amounts: Amounts) -> Amounts:
    return {name: amount for name, amount in amounts.items() if amount}


def _sum(levels: Iterable[Amounts]) -> Amounts:
    total = dict.fromkeys(_COUNTED, ZERO)
    for amounts in levels:
        for name, amount in amounts.items():
            total[name] += amount
    return {name: amount for name, amount in total.items() if amount}
