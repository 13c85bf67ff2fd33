# SPDX-License-Identifier: Apache-2.0
"""In-place resize: what differs between the spec and the kernel, and in which order it is changed."""

from dataclasses import replace

import msgspec
import pytest
from lightkube.models import core_v1

from agent.cgroup.model import CgroupLimits
from agent.cgroup.qos import container_resources, pod_limits
from agent.pod.model import EnsureCgroup, ResizeContainer, StopContainer
from agent.pod.resize import Resize, Sizes, resize_of
from agent.sources.model import DesiredPod
from kube.quantity import parse
from tests.unit.agent.builders import NODE, container, observed, pod, sandbox

SEEN = observed(sandbox(), container())
IDENTITY = SEEN.containers[0].status.id
ROOM = {"cpu": parse("4"), "memory": parse("8Gi")}
MI = 1 << 20


def sized(cpu: str, memory: str, **fields: object) -> DesiredPod:
    made = pod()
    spec = made.pod.spec
    assert spec is not None
    amounts = {"cpu": cpu, "memory": memory}
    app = msgspec.structs.replace(
        spec.containers[0],
        resources=core_v1.ResourceRequirements(limits=amounts, requests=amounts),
        **fields,
    )
    return replace(
        made, pod=msgspec.structs.replace(made.pod, spec=msgspec.structs.replace(spec, containers=[app]))
    )


def held(wanted: DesiredPod) -> Sizes:
    """What the kernel has when a pod of these resources was made."""
    spec = wanted.pod.spec
    assert spec is not None
    made = container_resources(wanted.pod, spec.containers[0], memory_capacity=NODE.memory_capacity)
    limits = CgroupLimits(made.cpu_shares, made.cpu_quota, made.cpu_period, made.memory_limit)
    return Sizes(pod_limits(wanted.pod), {IDENTITY: limits})


def between(before: DesiredPod, after: DesiredPod) -> Resize:
    return resize_of(after, SEEN, held(before), NODE, ROOM, 1000)


def test_nothing_differs() -> None:
    assert between(sized("100m", "64Mi"), sized("100m", "64Mi")) == Resize()
    assert between(sized("100m", "100M"), sized("100m", "100M")) == Resize()


SMALL, LARGE = ("100m", "64Mi"), ("200m", "128Mi")


@pytest.mark.parametrize(("before", "after"), [(SMALL, LARGE), (LARGE, SMALL)])
def test_the_pods_cgroup_is_never_smaller_than_its_container(
    before: tuple[str, str], after: tuple[str, str]
) -> None:
    wanted = sized(*after)
    (first,), (change,), (final,) = between(sized(*before), wanted).steps
    assert isinstance(first, EnsureCgroup)
    assert isinstance(change, ResizeContainer)
    assert isinstance(final, EnsureCgroup)
    assert (first.limits.memory_max, first.limits.cpu_quota_us) == (128 * MI, 20_000)
    assert change.resources.memory_limit == pod_limits(wanted.pod).memory_max
    assert final.limits == pod_limits(wanted.pod)


def test_a_container_whose_policy_asks_for_it_is_restarted() -> None:
    policy = [core_v1.ContainerResizePolicy("memory", "RestartContainer")]
    wanted = sized("100m", "128Mi", resizePolicy=policy)
    assert isinstance(between(sized("100m", "64Mi"), wanted).steps[1][0], StopContainer)
    cpu_only = sized("200m", "64Mi", resizePolicy=policy)
    assert isinstance(between(sized("100m", "64Mi"), cpu_only).steps[1][0], ResizeContainer)


def test_what_the_node_does_not_have_is_infeasible() -> None:
    found = between(sized("100m", "64Mi"), sized("100m", "9Gi"))
    assert found.steps == ()
    assert found.names == {"app"}
    assert found.infeasible == "Node didn't have enough capacity: memory, requested: 9Gi, capacity: 8Gi"


def test_without_a_look_nothing_is_done() -> None:
    assert resize_of(sized("1", "1Gi"), SEEN, None, NODE, ROOM, 1000) == Resize()
