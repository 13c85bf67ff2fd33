# SPDX-License-Identifier: Apache-2.0
"""What people are told of pods: Events with the kubelet's reasons, and the first real cause as their text."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.sources.model import DesiredPod

NORMAL = "Normal"
WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Note:
    """One Event: its type, reason and message; container is the one it is about, "" for the whole pod."""

    type: str
    reason: str
    message: str
    container: str = ""


Tell = Callable[[DesiredPod, Note], None]
"""Takes a note about a pod and returns at once."""


def tell_nobody(_desired: DesiredPod, _note: Note) -> None:
    """For a node that has no API server."""


def created(name: str) -> Note:
    """A container was made."""
    return Note(NORMAL, "Created", f"Created container: {name}", name)


def started(name: str) -> Note:
    """Its process runs."""
    return Note(NORMAL, "Started", f"Started container {name}", name)


def killing(name: str, message: str) -> Note:
    """A container is ended, and why."""
    return Note(NORMAL, "Killing", message, name)


# The Events' reasons where they are not those of the failure itself.
_EVENT_REASONS = {
    "CreateContainerConfigError": "Failed",
    "CreateContainerError": "Failed",
    "RunContainerError": "Failed",
    "PostStartHookError": "FailedPostStartHook",
    "FailedCreatePodContainer": "FailedCreatePodContainer",
}
# Told already, in more words, by who pulled.
_TOLD_ELSEWHERE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull")


def failed(reason: str, message: str, target: str) -> Note | None:
    """An operation failed; None for what was told before."""
    if reason in _TOLD_ELSEWHERE:
        return None
    text = f"Error: {message}" if _EVENT_REASONS.get(reason) == "Failed" else message
    return Note(WARNING, _EVENT_REASONS.get(reason, reason), text, target.rstrip("/"))


def backing_off(name: str, pod: str) -> Note:
    """A container waits before it is started again."""
    return Note(WARNING, "BackOff", f"Back-off restarting failed container {name} in pod {pod}", name)
