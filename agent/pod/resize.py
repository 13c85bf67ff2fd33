# SPDX-License-Identifier: Apache-2.0
"""In-place resize: resources of a running pod that differ from what its cgroups hold; pure.

What holds is read from the kernel, so nothing has to be remembered: a resize that an agent was killed in goes on. A
resize is one thing for the whole pod. The order keeps the kernel content, which refuses a quota larger than the one
above it: first the pod's cgroup grows, then its containers change, then it gets its own new limits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lightkube.models import core_v1

from agent.cgroup.model import CgroupLimits
from agent.cgroup.qos import container_resources, pod_limits
from agent.cgroup.resources import pod_requests
from agent.cgroup.shares import DEFAULT_SHARES, shares_to_weight
from agent.pod.model import (
    RESIZE,
    EnsureCgroup,
    ObservedContainer,
    ObservedPod,
    Operation,
    ResizeContainer,
    Step,
)
from agent.pod.render import NodeFacts, cgroup_of, grace_seconds, pod_spec
from agent.pod.role import is_sidecar
from agent.pod.stops import stop_one
from agent.sources.model import DesiredPod
from cri.model import ContainerState, LinuxResources
from kube.quantity import ZERO, Quantity

# The kernel keeps memory limits in pages of this many bytes.
_PAGE = 4096
_RESTART = "RestartContainer"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The limits of the pod's cgroup and of its containers' by id, as the kernel states them."""

    pod: CgroupLimits
    containers: Mapping[str, CgroupLimits]


@dataclass(frozen=True, slots=True)
class Resize:
    """What differs: container names; infeasible says why the node can never give it, "" when it can."""

    names: frozenset[str] = frozenset()
    infeasible: str = ""
    steps: tuple[Step, ...] = field(default=())


def resize_of(
    desired: DesiredPod,
    observed: ObservedPod,
    sizes: Sizes | None,
    node: NodeFacts,
    allocatable: Mapping[str, Quantity],
    now: float,
) -> Resize:
    """Compare what is wanted with what holds; sizes None: nobody has looked, so nothing is done."""
    if sizes is None:
        return Resize()
    changes = dict(_changes(desired, observed, sizes, node, now))
    if not changes:
        return Resize()
    names = frozenset(changes)
    if why := _infeasible(desired, allocatable):
        return Resize(names, why)
    path, wanted = cgroup_of(desired, node), pod_limits(desired.pod)
    grown = EnsureCgroup(path, _larger(sizes.pod, wanted), RESIZE)
    return Resize(names, "", ((grown,), tuple(changes.values()), (EnsureCgroup(path, wanted, RESIZE),)))


def _changes(
    desired: DesiredPod, observed: ObservedPod, sizes: Sizes, node: NodeFacts, now: float
) -> Iterator[tuple[str, Operation]]:
    spec = pod_spec(desired)
    for container in (*(c for c in spec.initContainers or () if is_sidecar(c)), *spec.containers):
        latest = observed.latest(container.name)
        if latest is None or latest.status.state is not ContainerState.RUNNING:
            continue
        held = sizes.containers.get(latest.status.id)
        wanted = container_resources(
            desired.pod, container, memory_capacity=node.memory_capacity, cgroup_v2=node.cgroup_v2
        )
        if held is not None and (changed := _differences(held, wanted)):
            yield container.name, _change(desired, container, latest, wanted, changed, now)


def _change(
    desired: DesiredPod,
    container: core_v1.Container,
    latest: ObservedContainer,
    wanted: LinuxResources,
    changed: frozenset[str],
    now: float,
) -> Operation:
    policies = {policy.resourceName: policy.restartPolicy for policy in container.resizePolicy or ()}
    if any(policies.get(resource) == _RESTART for resource in changed):
        text = f"Container {container.name} resize requires restart"
        return stop_one(latest, now + grace_seconds(desired), text)
    return ResizeContainer(latest.status.id, container.name, wanted)


def _differences(held: CgroupLimits, wanted: LinuxResources) -> frozenset[str]:
    """The resources whose limits differ; what the kernel rounds is compared as it rounds it."""
    weights = shares_to_weight(held.cpu_shares or DEFAULT_SHARES), shares_to_weight(wanted.cpu_shares)
    cpu = weights[0] != weights[1] or (held.cpu_quota_us or 0) != wanted.cpu_quota
    memory = (held.memory_max or 0) // _PAGE != wanted.memory_limit // _PAGE
    return frozenset(name for name, differs in (("cpu", cpu), ("memory", memory)) if differs)


def _infeasible(desired: DesiredPod, allocatable: Mapping[str, Quantity]) -> str:
    for name, amount in pod_requests(desired.pod).items():
        if name in allocatable and amount > allocatable[name]:
            have = allocatable.get(name, ZERO)
            return f"Node didn't have enough capacity: {name}, requested: {amount}, capacity: {have}"
    return ""


def _larger(held: CgroupLimits, wanted: CgroupLimits) -> CgroupLimits:
    """Of both the one that allows more; None is no limit, and allows most."""
    quota = _most(held.cpu_quota_us, wanted.cpu_quota_us)
    return CgroupLimits(
        cpu_shares=max(held.cpu_shares or DEFAULT_SHARES, wanted.cpu_shares or DEFAULT_SHARES),
        cpu_quota_us=quota,
        cpu_period_us=wanted.cpu_period_us or held.cpu_period_us if quota else None,
        memory_max=_most(held.memory_max, wanted.memory_max),
        pids_max=_most(held.pids_max, wanted.pids_max),
    )


def _most(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else max(left, right)
