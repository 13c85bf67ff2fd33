# SPDX-License-Identifier: Apache-2.0
"""What would unblock a pod that waits, by the reason that the API shows for it."""

from collections.abc import Mapping
from typing import Final

_IMAGE: Final = (
    "the registry has to answer with this image: check name and tag, and imagePullSecrets where it asks who you are; "
    "without a registry, `orlop image` loads one onto the node"
)
_LOGS: Final = "its process has to stay: `orlop logs -p` has what the last one wrote, lastState how it ended"
_COMMAND: Final = (
    "the image has to have what command and args name, and the security context has to let it run"
)

ADVICE: Final[Mapping[str, str]] = {
    "ErrImagePull": _IMAGE,
    "ImagePullBackOff": _IMAGE,
    "ErrImageNeverPull": "load the image onto the node (`orlop image`), or let imagePullPolicy allow a pull",
    "InvalidImageName": "correct the container's image: [registry[:port]/]name[:tag][@digest]",
    "CreateContainerConfigError": "the named object or key has to be there, or its reference has to be optional",
    "CreateContainerError": _COMMAND,
    "RunContainerError": _COMMAND,
    "StartError": _COMMAND,
    "ContainerCannotRun": _COMMAND,
    "PostStartHookError": "the postStart hook has to succeed: its own words are in the message",
    "CrashLoopBackOff": _LOGS,
    "OOMKilled": "the container has to need less memory, or resources.limits.memory has to allow more",
    "Error": _LOGS,
    "FailedMount": "the volume has to be there and mountable: the message has the error of whoever mounts it",
    "FailedCreatePodSandBox": "the runtime and the network plugin have to succeed: the message has their words",
    "FailedCreatePodContainer": "the node has to be able to make the pod's cgroup: the message has the kernel's words",
    "FailedKillPod": "the runtime has to be able to end it: the message has its words",
    "PodInitializing": "the init containers before it have to end well, one after the other",
    "ContainerCreating": "what is done for the pod now has to end; the last lines of the timeline say what that is",
    "ReadinessGatesNotReady": "whoever owns the gate has to set its condition on the pod's status to True",
    "ContainersNotReady": "the readiness probe of each named container has to succeed",
    "ContainersNotInitialized": "each named init container has to end well",
    "Terminating": "its processes have to end; those that do not are killed when the grace period is over",
}
_UNKNOWN: Final = "the message says what is in the way"


def advice_for(reason: str) -> str:
    """One sentence about what has to happen; a reason that is not known gets a general one."""
    return ADVICE.get(reason, _UNKNOWN)
