# SPDX-License-Identifier: Apache-2.0
"""What to say of a pod: a PodStatus of the Kubernetes API from what is wanted and what is there, pure."""

from datetime import datetime

from lightkube.models import core_v1

from agent.cgroup.qos import qos_class
from agent.pod.conditions import conditions_of
from agent.pod.container_status import app_statuses, ephemeral_statuses, has_initialized, init_statuses
from agent.pod.phase import phase_of
from agent.pod.render import pod_spec
from agent.pod.situation import PodEnd, Situation
from agent.pod.times import of_nanoseconds, of_seconds
from agent.sources.model import DesiredPod

__all__ = ["PodEnd", "Situation", "pod_status"]


def pod_status(desired: DesiredPod, situation: Situation) -> core_v1.PodStatus:
    """The status of a pod that should run here, or should have ended."""
    spec, previous = pod_spec(desired), situation.previous
    if desired.refusal:
        return _refused(desired, situation)
    inits = init_statuses(spec, situation)
    initialized = all(has_initialized(c, s) for c, s in zip(spec.initContainers or (), inits, strict=True))
    apps = app_statuses(spec, situation, initialized=initialized)
    phase = phase_of(spec, inits, apps, situation)
    ips = situation.observed.ips or tuple(one.ip for one in previous.podIPs or ())
    return core_v1.PodStatus(
        phase=phase,
        conditions=conditions_of(desired.pod, phase, inits, apps, situation),
        initContainerStatuses=inits or None,
        containerStatuses=apps,
        ephemeralContainerStatuses=ephemeral_statuses(spec, situation) or None,
        hostIP=situation.host_ips[0] if situation.host_ips else None,
        hostIPs=[core_v1.HostIP(ip) for ip in situation.host_ips] or None,
        podIP=ips[0] if ips else None,
        podIPs=[core_v1.PodIP(ip) for ip in ips] or None,
        qosClass=qos_class(desired.pod).value,
        reason=situation.end.reason if situation.end else previous.reason,
        message=situation.end.message if situation.end else previous.message,
        startTime=previous.startTime or _start_time(situation),
        observedGeneration=desired.pod.metadata.generation if desired.pod.metadata else None,
        # Others write these; what a merge of statuses finds missing it would remove.
        nominatedNodeName=previous.nominatedNodeName,
        resourceClaimStatuses=previous.resourceClaimStatuses,
    )


def _start_time(situation: Situation) -> datetime:
    """When the node took the pod on: its first sandbox, or now."""
    made = min((s.created_at for s in situation.observed.sandboxes), default=0)
    return of_nanoseconds(made) or of_seconds(situation.now)


def _refused(desired: DesiredPod, situation: Situation) -> core_v1.PodStatus:
    """A pod that never ran: nothing is known of its containers."""
    refusal = desired.refusal
    return core_v1.PodStatus(
        phase="Failed",
        reason=refusal.reason if refusal else None,
        message=f"Pod was rejected: {refusal.message}" if refusal else None,
        startTime=situation.previous.startTime or of_seconds(situation.now),
        qosClass=qos_class(desired.pod).value,
        conditions=list(situation.previous.conditions or ()) or None,
    )
