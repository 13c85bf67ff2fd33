# SPDX-License-Identifier: Apache-2.0
"""What a pod's status is made from: what is wanted, what is there, and what its worker knows besides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightkube.models import core_v1

from agent.pod.model import Failure, ObservedPod, Waiting
from agent.pod.resize import Resize
from agent.probe.model import ProbeState


@dataclass(frozen=True, slots=True)
class PodEnd:
    """Why the whole pod was ended before its containers did: its phase is Failed once nothing of it runs."""

    reason: str
    message: str


def unprobed(_container_id: str) -> ProbeState:
    """The state of a container without probes."""
    return ProbeState()


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of pod_status.

    observed is of the pod's own uid. waiting and failures are by container name, failures of the whole pod by "".
    probes gives a running container's state by id; hooking has the ids of those whose postStart hook still runs;
    messages are termination messages by id. previous is the last status that anybody was told: conditions keep their
    times, a terminal phase stays, and containers that the runtime forgot are remembered. now is in seconds since the
    epoch.
    """

    observed: ObservedPod
    waiting: Mapping[str, Waiting]
    failures: Mapping[str, Failure]
    host_ips: tuple[str, ...]
    now: float
    probes: Callable[[str], ProbeState] = unprobed
    hooking: frozenset[str] = frozenset()
    messages: Mapping[str, str] = field(default_factory=dict)
    previous: core_v1.PodStatus = field(default_factory=core_v1.PodStatus)
    end: PodEnd | None = None
    resize: Resize = field(default_factory=Resize)

    @property
    def is_alive(self) -> bool:
        """Whether a process of the pod may still run."""
        return any(container.is_alive for container in self.observed.containers)
