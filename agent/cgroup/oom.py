# SPDX-License-Identifier: Apache-2.0
"""oom_score_adj of a container: whom the kernel kills first when the node is out of memory; pure.

The kernel kills the process with the highest score: its share of the node's memory in thousandths, plus
oom_score_adj (-1000..1000). The figures are those of the kubelet's pkg/kubelet/qos/policy.go.
"""

from typing import Final

from lightkube.models.core_v1 import Container, Pod

from agent.cgroup.model import QosClass
from agent.cgroup.resources import MEMORY, is_sidecar, pod_level_requests, requests_of, spec_of
from kube.quantity import ZERO

GUARANTEED: Final = -997
BEST_EFFORT: Final = 1000
NODE_CRITICAL: Final = "system-node-critical"


def oom_score_adj(pod: Pod, container: Container, qos: QosClass, memory_capacity: int) -> int:
    """-997 (guaranteed, node-critical), 1000 (best effort), or 3..999: the less memory requested the higher.

    `memory_capacity` is the node's memory in bytes.
    """
    if qos is QosClass.GUARANTEED or spec_of(pod).priorityClassName == NODE_CRITICAL:
        return GUARANTEED
    if qos is QosClass.BEST_EFFORT:
        return BEST_EFFORT
    request = _memory(container) + _share_of_pod_level(pod)
    if is_sidecar(container):
        # A sidecar must not die before the application that needs it.
        request = max(request, min(_memory(application) for application in spec_of(pod).containers))
    score = 1000 - 1000 * request // max(memory_capacity, 1)
    # A guaranteed pod that uses all memory scores 3, so a burstable one stays above; 1000 is for best effort.
    return min(max(score, 1000 + GUARANTEED), BEST_EFFORT - 1)


def _memory(container: Container) -> int:
    return requests_of(container).get(MEMORY, ZERO).value()


def _share_of_pod_level(pod: Pod) -> int:
    """An equal part for each running container of what the pod level asks for beyond their requests."""
    whole = pod_level_requests(pod).get(MEMORY)
    if whole is None:
        return 0
    spec = spec_of(pod)
    running = [*spec.containers, *(c for c in spec.initContainers or () if is_sidecar(c))]
    return max(whole.value() - sum(map(_memory, running)), 0) // len(running)
