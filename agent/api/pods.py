# SPDX-License-Identifier: Apache-2.0
"""The pods that the API server wants on this node, as snapshots like those of the folder."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

from agent.api.intake import desired_pod, is_mirror
from agent.sources.model import DesiredPod, PodKey, Snapshot
from kube.client import Client
from kube.informer import Handler, Informer
from kube.kinds import PODS

Json = dict[str, Any]

# Conditions that this node writes itself: its own news are none to it.
OWN_CONDITIONS: Final = frozenset(
    {"PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "PodScheduled"}
)
# How long a start waits for the API server before it takes the pods of the checkpoint (seconds).
PATIENCE: Final = 3.0
NONE: Final[Mapping[str, Json]] = {}


class PodSource:
    """Follows spec.nodeName=NODE. run() does the following; watch() gives what should run."""

    def __init__(self, client: Client, node_name: str, *, remembered: Mapping[str, Json] = NONE) -> None:
        """remembered: pods of the checkpoint by uid, for a start without the API server."""
        self._informer = Informer(client, PODS, fields=f"spec.nodeName={node_name}")
        self._remembered = remembered
        self._made: dict[str, tuple[Json, DesiredPod]] = {}
        self._dirty = asyncio.Event()
        self._informer.add_handler(self._changed)

    @property
    def is_synced(self) -> bool:
        """Whether the API server was heard since the start."""
        return self._informer.synced.is_set()

    async def synced(self) -> None:
        """Wait until the API server was heard."""
        await self._informer.synced.wait()

    def add_handler(self, handler: Handler) -> None:
        """Called with (old, new) for every change of a pod of this node, mirror pods included."""
        self._informer.add_handler(handler)

    def get(self, key: PodKey) -> Json | None:
        """What the API server has under this name; None before it was heard."""
        return self._informer.get(key.name, key.namespace)

    def all(self) -> Iterable[Json]:
        """Every pod of this node that the API server has, mirror pods included."""
        return self._informer.all()

    def observe(self, obj: Json) -> None:
        """Take the answer to a write of ours."""
        self._informer.observe(obj)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._informer.run()

    def wanted(self) -> Mapping[str, Json]:
        """The pods that shall run here, by uid: as the API server has them, or as they are remembered."""
        if not self.is_synced:
            return self._remembered
        return {raw["metadata"]["uid"]: raw for raw in self._informer.all() if not is_mirror(raw)}

    async def watch(self) -> AsyncIterator[Snapshot]:
        """What should run, at once when it changes. Blind until the API server was heard."""
        if not self.is_synced:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.synced()
            except TimeoutError:
                yield self.snapshot()
                await self.synced()
        while True:
            self._dirty.clear()
            yield self.snapshot()
            await self._dirty.wait()

    def snapshot(self) -> Snapshot:
        """What should run now; from the checkpoint as long as the API server was not heard."""
        pods = [self._pod(raw) for raw in self.wanted().values()]
        self._made = {uid: made for uid, made in self._made.items() if uid in {pod.uid for pod in pods}}
        return Snapshot({pod.key: pod for pod in pods}, is_blind=not self.is_synced)

    def _pod(self, raw: Json) -> DesiredPod:
        """The same value as long as nothing changed that matters here."""
        uid = raw["metadata"]["uid"]
        before = self._made.get(uid)
        if before is None or (before[0] is not raw and matters(before[0], raw)):
            self._made[uid] = (raw, desired_pod(raw))
        return self._made[uid][1]

    def _changed(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None or matters(old, new):
            self._dirty.set()


def matters(old: Json, new: Json) -> bool:
    """Whether anything changed that this node did not write itself."""
    return old is not new and _of_others(old) != _of_others(new)


def _of_others(raw: Json) -> Json:
    status = raw.get("status") or {}
    conditions = [
        condition for condition in status.get("conditions") or () if condition["type"] not in OWN_CONDITIONS
    ]
    metadata = {
        key: value
        for key, value in raw["metadata"].items()
        if key not in ("resourceVersion", "managedFields")
    }
    terminal = status.get("phase") in ("Succeeded", "Failed")
    return {"metadata": metadata, "spec": raw.get("spec"), "conditions": conditions, "terminal": terminal}
