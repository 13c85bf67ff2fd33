# SPDX-License-Identifier: Apache-2.0
"""Pods that nobody would ever remove: of nodes that are gone, finished ones over a limit, never placed and going."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Delete, Operation
from kube.errors import ApiStatusError
from kube.kinds import NODES, PODS

Json = dict[str, Any]

# kube-controller-manager's --terminated-pod-gc-threshold.
THRESHOLD: Final = 12_500
_EVERY_SECONDS: Final = 20.0
_THE_KEY: Final = ("", "")


def plan(
    all_pods: Iterable[Json], gone_nodes: Collection[str], threshold: int = THRESHOLD
) -> list[Operation]:
    """Deletes without grace: there is no kubelet any more that would use it."""
    operations, finished = list[Operation](), list[Json]()
    for pod in all_pods:
        node = pod["spec"].get("nodeName", "")
        if node in gone_nodes or (not node and meta.is_going(pod)):
            operations.append(Delete(PODS, pod, grace_seconds=0))
        elif pods.is_finished(pod) and not meta.is_going(pod):
            finished.append(pod)
    finished.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    excess = finished[: max(0, len(finished) - threshold)]
    return operations + [Delete(PODS, pod, grace_seconds=0) for pod in excess]


class PodGarbage(Controller):
    """One key, looked at every twenty seconds."""

    name = "pod-garbage-collector"
    workers = 1

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._pods, self._nodes = self.informers.of(PODS), self.informers.of(NODES)
        self._missing: set[str] = set()

    async def run(self) -> None:
        """As every controller; the first look is at once."""
        self.queue.add(_THE_KEY)
        await super().run()

    async def reconcile(self, key: Key) -> float:  # noqa: ARG002 - there is one
        """Remove what is over."""
        named = {pod["spec"].get("nodeName", "") for pod in self._pods.all()} - {""}
        missing = {name for name in named if self._nodes.get(name) is None}
        # A node that was missing the last time too, and that the server does not know either, is gone.
        gone = {name for name in missing & self._missing if not await self._exists(name)}
        self._missing = missing
        await self.executor.run(plan(list(self._pods.all()), gone))
        return _EVERY_SECONDS

    async def _exists(self, node: str) -> bool:
        try:
            await self.client.get(NODES, node)
        except ApiStatusError as error:
            if error.is_not_found:
                return False
            raise
        return True
