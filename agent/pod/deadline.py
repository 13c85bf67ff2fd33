# SPDX-License-Identifier: Apache-2.0
"""activeDeadlineSeconds: when a pod has been active for too long; pure."""

from agent.pod.context import Context
from agent.pod.model import ObservedPod
from agent.pod.render import pod_spec
from agent.pod.situation import PodEnd
from agent.pod.times import NANOSECONDS
from agent.sources.model import DesiredPod

EXCEEDED = PodEnd("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def end_of(desired: DesiredPod, observed: ObservedPod, context: Context) -> PodEnd | None:
    """The end of a pod whose deadline is over."""
    at = deadline_of(desired, observed, context)
    return EXCEEDED if at is not None and context.now >= at else None


def deadline_of(desired: DesiredPod, observed: ObservedPod, context: Context) -> float | None:
    """When the pod has to end, in seconds since the epoch; None without a deadline, and before it has begun."""
    allowed = pod_spec(desired).activeDeadlineSeconds
    if allowed is None:
        return None
    if told := context.previous.startTime:
        return told.timestamp() + allowed
    made = min((sandbox.created_at for sandbox in observed.sandboxes), default=0)
    return made / NANOSECONDS + allowed if made else None
