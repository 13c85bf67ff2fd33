# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models.core_v1 import Container, Pod, PodSpec, ResourceRequirements

from agent.cgroup.model import CgroupLimits, QosClass
from agent.cgroup.qos import burstable_limits, container_resources, pod_limits, qos_class
from kube.errors import QuantityError

GIB = 2**30
Amounts = dict[str, Any]


def container(
    limits: Amounts | None = None, requests: Amounts | None = None, *, name: str = "c", sidecar: bool = False
) -> Container:
    resources = ResourceRequirements(limits=limits, requests=requests) if limits or requests else None
    return Container(name=name, resources=resources, restartPolicy="Always" if sidecar else None)


def pod(*containers: Container, init: tuple[Container, ...] = (), **spec: Any) -> Pod:
    return Pod(spec=PodSpec(containers=list(containers), initContainers=list(init) or None, **spec))


BOTH = {"cpu": "200m", "memory": "64Mi"}

CLASSES = [
    ("nothing is said", pod(container()), "BestEffort"),
    ("zeros say nothing", pod(container({"cpu": "0", "memory": "0"}, {"cpu": "0"})), "BestEffort"),
    ("other resources say nothing", pod(container({"example.com/gpu": "1"})), "BestEffort"),
    ("limits alone are requests too", pod(container(BOTH)), "Guaranteed"),
    ("limits equal requests", pod(container(BOTH, {"cpu": "0.2", "memory": "65536Ki"})), "Guaranteed"),
    ("a lower request", pod(container(BOTH, {"cpu": "100m"})), "Burstable"),
    ("a request alone", pod(container(None, {"cpu": "1m"})), "Burstable"),
    ("memory alone", pod(container({"memory": "1Gi"})), "Burstable"),
    ("one of two is limited", pod(container(BOTH), container()), "Burstable"),
    ("an init container without limits", pod(container(BOTH), init=(container(),)), "Burstable"),
    ("an init container with limits", pod(container(BOTH), init=(container(BOTH),)), "Guaranteed"),
    ("an init container alone", pod(container(), init=(container(BOTH),)), "Burstable"),
    ("the pod level decides", pod(container(), resources=ResourceRequirements(limits=BOTH)), "Guaranteed"),
    (
        "the pod level asks for what its containers ask",
        pod(container(None, {"cpu": "100m"}), resources=ResourceRequirements(limits=BOTH)),
        "Burstable",
    ),
    (
        "a pod level without memory",
        pod(container(BOTH), resources=ResourceRequirements(limits={"cpu": "1"})),
        "Burstable",
    ),
    ("no spec at all", Pod(), "BestEffort"),
]


@pytest.mark.parametrize(("summary", "given_pod", "expected"), CLASSES, ids=[row[0] for row in CLASSES])
def test_classes_are_the_kubelets(summary: str, given_pod: Pod, expected: str) -> None:
    assert qos_class(given_pod) == QosClass(expected)


LIMITS = [
    ("best effort", pod(container()), CgroupLimits(cpu_shares=2)),
    ("guaranteed", pod(container(BOTH)), CgroupLimits(204, 20_000, 100_000, 64 * 2**20)),
    (
        "two containers add up",
        pod(container(BOTH), container({"cpu": "0.8", "memory": "64Mi"})),
        CgroupLimits(1024, 100_000, 100_000, 2**27),
    ),
    ("no quota while one is unlimited", pod(container(BOTH), container()), CgroupLimits(204)),
    (
        "each resource for itself",
        pod(container(BOTH), container({"memory": "64Mi"})),
        CgroupLimits(204, memory_max=2**27),
    ),
    ("shares have a floor", pod(container(None, {"cpu": "1n"})), CgroupLimits(2)),
    ("shares have a ceiling", pod(container(None, {"cpu": "1000"})), CgroupLimits(262_144)),
    ("quota has a floor", pod(container({"cpu": "1m"})), CgroupLimits(2, 1000, 100_000)),
    (
        "a larger init container counts instead",
        pod(container(BOTH), init=(container({"cpu": "1", "memory": "32Mi"}),)),
        CgroupLimits(1024, 100_000, 100_000, 64 * 2**20),
    ),
    (
        "a sidecar adds to the application",
        pod(container(BOTH), init=(container(BOTH, sidecar=True),)),
        CgroupLimits(409, 40_000, 100_000, 2**27),
    ),
    (
        "a sidecar adds to the init containers after it, not before",
        pod(
            container({"cpu": "100m"}),
            init=(
                container({"cpu": "450m"}),
                container({"cpu": "100m"}, sidecar=True),
                container({"cpu": "400m"}),
            ),
        ),
        CgroupLimits(512, 50_000, 100_000),
    ),
    (
        "overhead adds to what is limited",
        pod(container(BOTH), overhead=BOTH),
        CgroupLimits(409, 40_000, 100_000, 2**27),
    ),
    ("overhead does not limit", pod(container(None, {"cpu": "1"}), overhead=BOTH), CgroupLimits(1228)),
    (
        "the pod level replaces the sum",
        pod(container({"cpu": "4"}), container(), resources=ResourceRequirements(limits=BOTH)),
        CgroupLimits(4096, 20_000, 100_000, 64 * 2**20),
    ),
    (
        "the pod level states both",
        pod(container(), resources=ResourceRequirements(limits={"cpu": 1}, requests={"cpu": "0.5"})),
        CgroupLimits(512, 100_000, 100_000),
    ),
]


@pytest.mark.parametrize(("summary", "given_pod", "expected"), LIMITS, ids=[row[0] for row in LIMITS])
def test_the_pods_limits_follow_the_kubelets_rules(
    summary: str, given_pod: Pod, expected: CgroupLimits
) -> None:
    assert pod_limits(given_pod) == expected


def test_a_container_gets_its_own_limits() -> None:
    limited = container(BOTH)
    resources = container_resources(pod(limited), limited, memory_capacity=4 * GIB)
    assert (resources.cpu_shares, resources.cpu_quota, resources.cpu_period) == (204, 20_000, 100_000)
    assert resources.memory_limit == 64 * 2**20
    assert resources.oom_score_adj == -997
    assert resources.unified == {}


def test_a_container_without_limits_gets_the_least_shares_and_no_quota() -> None:
    free = container()
    resources = container_resources(pod(free), free, memory_capacity=4 * GIB)
    assert (resources.cpu_shares, resources.cpu_quota, resources.memory_limit) == (2, 0, 0)
    assert resources.oom_score_adj == 1000


def test_a_container_without_limits_is_given_the_pod_levels() -> None:
    free = container({"memory": "0"})
    given_pod = pod(free, resources=ResourceRequirements(limits=BOTH))
    resources = container_resources(given_pod, free, memory_capacity=4 * GIB)
    assert (resources.cpu_quota, resources.memory_limit) == (20_000, 64 * 2**20)


def test_on_v2_the_processes_of_a_container_die_together() -> None:
    free = container()
    resources = container_resources(pod(free), free, memory_capacity=GIB, cgroup_v2=True)
    assert resources.unified == {"memory.oom.group": "1"}


def score(given_pod: Pod, of: Container, capacity: int = 4 * GIB) -> int:
    return container_resources(given_pod, of, memory_capacity=capacity).oom_score_adj


def test_the_more_memory_a_burstable_container_asks_for_the_later_it_is_killed() -> None:
    small, half = container(None, {"memory": "1Mi"}), container(None, {"memory": "2Gi"})
    everything = container(None, {"memory": "4Gi"})
    assert score(pod(small), small) == 999
    assert score(pod(half), half) == 500
    assert score(pod(everything), everything) == 3


def test_a_sidecar_dies_no_sooner_than_the_application() -> None:
    application = container(None, {"memory": "2Gi"})
    sidecar = container(None, {"memory": "1Mi"}, sidecar=True)
    assert score(pod(application, init=(sidecar,)), sidecar) == 500


def test_a_node_critical_pod_is_spared_like_a_guaranteed_one() -> None:
    free = container()
    assert score(pod(free, priorityClassName="system-node-critical"), free) == -997


def test_memory_asked_for_at_the_pod_level_is_shared_out() -> None:
    one, two = container(None, {"cpu": "1"}), container(None, {"memory": "1Gi"})
    given_pod = pod(one, two, resources=ResourceRequirements(requests={"memory": "3Gi"}))
    assert score(given_pod, one) == 750
    assert score(given_pod, two) == 500


def test_the_burstable_level_weighs_what_its_pods_ask_for() -> None:
    pods = [pod(container(None, {"cpu": "500m"})), pod(container(None, {"cpu": "1"})), pod(container(BOTH))]
    assert burstable_limits(pods) == CgroupLimits(cpu_shares=1536)
    assert burstable_limits([]) == CgroupLimits(cpu_shares=2)


def test_a_malformed_quantity_is_named() -> None:
    with pytest.raises(QuantityError, match="'12 megs'"):
        pod_limits(pod(container({"memory": "12 megs"})))


amounts = st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["0", "1m", "100m", "1", "64Mi", "2Gi"]), max_size=2
)
containers = st.builds(container, amounts, amounts, sidecar=st.booleans())


@given(st.lists(containers, min_size=1, max_size=3), st.lists(containers, max_size=3))
def test_limits_fit_the_class_and_the_kernel(apps: list[Container], inits: list[Container]) -> None:
    given_pod = pod(*apps, init=tuple(inits))
    limits, qos = pod_limits(given_pod), qos_class(given_pod)
    assert limits.cpu_shares is not None
    assert 2 <= limits.cpu_shares <= 262_144
    assert limits.cpu_quota_us is None or limits.cpu_quota_us >= 1000
    if qos is QosClass.GUARANTEED:
        assert limits.cpu_quota_us is not None
        assert limits.memory_max is not None
    if qos is QosClass.BEST_EFFORT:
        assert limits == CgroupLimits(cpu_shares=2)
    for each in [*apps, *inits]:
        adjustment = score(given_pod, each)
        assert {"Guaranteed": adjustment == -997, "BestEffort": adjustment == 1000}.get(
            qos, 3 <= adjustment <= 999
        )
