# SPDX-License-Identifier: Apache-2.0
"""Admits pods to the node, once each: what was admitted stays, what was refused stays refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from agent.node.fit import NodeView, refusal_of
from agent.sources.model import DesiredPod, Origin, PodKey, Refusal, Snapshot

_NEVER = datetime.max.replace(tzinfo=UTC)


class Admission:
    """Looks at each new pod in the order in which they were made."""

    def __init__(self, node: Callable[[], NodeView]) -> None:
        """node: the node as of now."""
        self._node = node
        self._admitted: set[str] = set()
        self._refused: dict[str, Refusal] = {}

    def admit(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot, with a refusal on each pod that does not fit."""
        uids = {pod.uid for pod in snapshot.pods.values()}
        self._admitted &= uids
        self._refused = {uid: why for uid, why in self._refused.items() if uid in uids}
        held = [pod for pod in snapshot.pods.values() if self._holds(pod)]
        self._admitted |= {pod.uid for pod in held}
        pods = dict[PodKey, DesiredPod]()
        for pod in sorted(snapshot.pods.values(), key=_age):
            pods[pod.key] = self._look(pod, held)
        return replace(snapshot, pods={key: pods[key] for key in snapshot.pods})

    def _look(self, pod: DesiredPod, held: list[DesiredPod]) -> DesiredPod:
        if pod.refusal or pod.uid in self._admitted or pod.deletion or is_over(pod):
            return pod
        if pod.uid not in self._refused:
            refusal = refusal_of(pod, held, self._node())
            if refusal is None:
                self._admitted.add(pod.uid)
                held.append(pod)
                return pod
            self._refused[pod.uid] = refusal
        return replace(pod, refusal=self._refused[pod.uid])

    def _holds(self, pod: DesiredPod) -> bool:
        """Whether it has its place already: admitted by us, or by the agent before us, which started it."""
        status = pod.pod.status
        started = status is not None and (status.phase == "Running" or bool(status.containerStatuses))
        return not pod.refusal and not is_over(pod) and (pod.uid in self._admitted or started)


def is_over(pod: DesiredPod) -> bool:
    """Whether the pod came to its end: it uses nothing, and never runs again."""
    return pod.pod.status is not None and pod.pod.status.phase in ("Succeeded", "Failed")


def _age(pod: DesiredPod) -> tuple[bool, datetime, PodKey]:
    """The node owner's own pods come first, then the oldest."""
    made = pod.pod.metadata and pod.pod.metadata.creationTimestamp
    return pod.origin is Origin.API, made or _NEVER, pod.key
