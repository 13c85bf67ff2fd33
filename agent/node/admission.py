# SPDX-License-Identifier: Apache-2.0
"""Admits pods to the node, once each: what was admitted stays, what was refused stays refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from agent.node.fit import NodeView, refusal_of
from agent.pod.notes import WARNING, Note, Tell
from agent.sources.model import DesiredPod, Origin, PodKey, Refusal, Snapshot

# How the status of a refused pod begins to say so.
TOLD = "Pod was rejected: "
_NEVER = datetime.max.replace(tzinfo=UTC)


class Admission:
    """Looks at each new pod in the order in which they were made."""

    def __init__(self, node: Callable[[], NodeView]) -> None:
        """node: the node as of now."""
        self._node = node
        self._admitted: set[str] = set()
        self._refused: dict[str, Refusal] = {}

    def admit(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot, with a refusal on each pod that does not fit.

        As long as the API server was not heard, its pods are those that this node had before: they have their places.
        """
        uids = {pod.uid for pod in snapshot.pods.values()}
        self._admitted &= uids
        self._refused = {uid: why for uid, why in self._refused.items() if uid in uids}
        held = [pod for pod in snapshot.pods.values() if self._holds(pod, is_blind=snapshot.is_blind)]
        self._admitted |= {pod.uid for pod in held}
        pods = dict[PodKey, DesiredPod]()
        for pod in sorted(snapshot.pods.values(), key=_age):
            pods[pod.key] = self._look(pod, held)
        return replace(snapshot, pods={key: pods[key] for key in snapshot.pods})

    def _look(self, pod: DesiredPod, held: list[DesiredPod]) -> DesiredPod:
        if pod.refusal or pod.uid in self._admitted:
            return pod
        known = self._refused.get(pod.uid) or _told_before(pod)
        if known is None and not pod.deletion and not is_over(pod):
            known = refusal_of(pod, held, self._node())
            if known is None:
                self._admitted.add(pod.uid)
                held.append(pod)
        if known is None:
            return pod
        self._refused[pod.uid] = known
        return replace(pod, refusal=known)

    def _holds(self, pod: DesiredPod, *, is_blind: bool) -> bool:
        """Whether it has its place already: admitted by us, or by the agent before us, which started it."""
        status = pod.pod.status
        started = status is not None and (status.phase == "Running" or bool(status.containerStatuses))
        remembered = is_blind and pod.origin is Origin.API
        return not pod.refusal and not is_over(pod) and (pod.uid in self._admitted or started or remembered)


def tell_refusals(snapshot: Snapshot, before: Snapshot, tell: Tell) -> None:
    """An Event for each refusal that is new since the snapshot before."""
    for key, pod in snapshot.pods.items():
        earlier = before.pods.get(key)
        told = is_over(pod) or (earlier is not None and earlier.uid == pod.uid and earlier.refusal)
        if pod.refusal and not told:
            tell(pod, Note(WARNING, pod.refusal.reason, pod.refusal.message))


def is_over(pod: DesiredPod) -> bool:
    """Whether the pod came to its end: it uses nothing, and never runs again."""
    return pod.pod.status is not None and pod.pod.status.phase in ("Succeeded", "Failed")


def _told_before(pod: DesiredPod) -> Refusal | None:
    """The refusal that the API server has of the pod, from the agent before this one: it never had a container."""
    status = pod.pod.status
    if status is None or status.phase != "Failed" or not status.reason or status.containerStatuses:
        return None
    return Refusal(status.reason, (status.message or "").removeprefix(TOLD))


def _age(pod: DesiredPod) -> tuple[bool, datetime, PodKey]:
    """The node owner's own pods come first, then the oldest."""
    made = pod.pod.metadata and pod.pod.metadata.creationTimestamp
    return pod.origin is Origin.API, made or _NEVER, pod.key
