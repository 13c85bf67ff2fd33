# SPDX-License-Identifier: Apache-2.0
"""What is known of a pod right now: for status, explanations and whoever asks over HTTP."""

from dataclasses import dataclass, field

import msgspec
from lightkube.models import core_v1

from agent.pod.conditions import OWN
from agent.pod.model import Failure, ObservedPod, Waiting
from agent.pod.phase import TERMINAL
from agent.pod.resize import Resize
from agent.pod.situation import PodEnd
from agent.pod.timeline import Timeline
from agent.sources.model import DesiredPod


@dataclass(slots=True)
class PodView:
    """observed is of all uids under the name; status is the last one that was made, messages are by container id.

    is_gone: the pod's deletion was asked for, and nothing of it runs or is mounted any more. end: why it was ended.
    """

    observed: ObservedPod = field(default_factory=ObservedPod)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    messages: dict[str, str] = field(default_factory=dict)
    status: core_v1.PodStatus | None = None
    end: PodEnd | None = None
    resize: Resize = field(default_factory=Resize)
    is_gone: bool = False
    settled: bool = False


def previous_of(desired: DesiredPod | None, own: core_v1.PodStatus | None) -> core_v1.PodStatus:
    """The last status that was told: ours, with the conditions that others have set at the API server since.

    After a start of the agent it is what the API server has; a terminal phase there stays whatever we think.
    """
    told = desired.pod.status if desired else None
    if own is None or told is None:
        return own or told or core_v1.PodStatus()
    others = [condition for condition in told.conditions or () if condition.type not in OWN]
    ours = [condition for condition in own.conditions or () if condition.type in OWN]
    phase = told.phase if told.phase in TERMINAL else own.phase
    return msgspec.structs.replace(own, conditions=[*ours, *others], phase=phase)
