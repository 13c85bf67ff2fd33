# SPDX-License-Identifier: Apache-2.0
"""Notes about pods as Events of the API server; those about a static pod go to its mirror."""

from agent.api.mirror import find
from agent.api.pods import PodSource
from agent.pod.notes import Note
from agent.sources.model import DesiredPod
from kube.events import Happening, Recorder


class EventTeller:
    """Takes notes (agent.pod.notes.Tell)."""

    def __init__(self, events: Recorder, pods: PodSource, node_name: str) -> None:
        self._events, self._pods, self._node = events, pods, node_name

    def __call__(self, desired: DesiredPod, note: Note) -> None:
        """Tell it soon; a pod that the API server does not know, or not yet, has no Events."""
        pod = find(self._pods, desired, self._node)
        if pod is None:
            return
        about = {**pod, "apiVersion": "v1", "kind": "Pod"}
        field = f"spec.{_list_of(desired, note.container)}{{{note.container}}}" if note.container else ""
        self._events.record(Happening(about, note.type, note.reason, note.message, field=field))


def _list_of(desired: DesiredPod, name: str) -> str:
    """The list of the spec that a container is in."""
    spec = desired.pod.spec
    if spec and any(container.name == name for container in spec.initContainers or ()):
        return "initContainers"
    if spec and any(container.name == name for container in spec.ephemeralContainers or ()):
        return "ephemeralContainers"
    return "containers"
