# SPDX-License-Identifier: Apache-2.0
"""What a plan depends on besides the pod itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightkube.models import core_v1

from agent.pod.model import Failure
from agent.pod.render import NodeFacts
from agent.pod.resize import Resize
from agent.pod.restart import BackoffSettings
from agent.pod.situation import PodEnd, unprobed
from agent.probe.model import ProbeState


@dataclass(frozen=True, slots=True)
class Context:
    """The clock, the node, the delays, and what is known of the pod besides what the runtime tells.

    now is in seconds since the epoch; failures are the last ones by target. probes gives a running container's state;
    previous is the last status that was told; end says that the pod has to end, and why; has_volumes that something of
    it is on disk; refresh that objects it refers to have changed, or that a token is due; refresh_at is when the next
    one is, in seconds since the epoch. hooking has the ids of containers whose postStart hook runs. resize is what
    of the pod's resources has to change in place.
    """

    now: float
    node: NodeFacts
    backoff: BackoffSettings
    failures: Mapping[str, Failure]
    uid: str = ""
    probes: Callable[[str], ProbeState] = unprobed
    previous: core_v1.PodStatus = field(default_factory=core_v1.PodStatus)
    end: PodEnd | None = None
    has_volumes: bool = False
    refresh: bool = False
    refresh_at: float | None = None
    hooking: frozenset[str] = frozenset()
    resize: Resize = field(default_factory=Resize)

    def is_held(self, target: str) -> bool:
        """Whether something of this target failed lately and is not to be tried again yet."""
        failure = self.failures.get(target)
        return failure is not None and failure.retry_at > self.now
