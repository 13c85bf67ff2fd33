# SPDX-License-Identifier: Apache-2.0
"""What all controllers share: how they are given the world, how keys reach them, and how they are run."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controlplane.controllers.apply import Executor
from kube.client import Client
from kube.events import Recorder
from kube.informer import Informer, Informers, key_of
from kube.kinds import Kind
from kube.workqueue import WorkQueue, work

Json = dict[str, Any]
# (namespace, name); namespace is "" for cluster-scoped objects.
Key = tuple[str, str]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Shared:
    """What every controller of one process gets."""

    client: Client
    informers: Informers
    now: Clock = utc_now


class Controller(ABC):
    """A queue of keys and what is done for each. Subclasses say name, connect handlers in __init__, and reconcile."""

    name = ""
    workers = 2

    def __init__(self, shared: Shared) -> None:
        self.client, self.informers, self.now = shared.client, shared.informers, shared.now
        self.queue = WorkQueue[Key]()
        self.recorder = Recorder(shared.client, self.name, clock=shared.now)
        self.executor = Executor(shared.client, shared.informers, self.recorder)

    @abstractmethod
    async def reconcile(self, key: Key) -> float | None:
        """Make it so; may return the seconds after which to look again. Whatever it raises is tried again."""

    async def run(self) -> None:
        """After the first lists: reconcile until cancelled."""
        await self.informers.synced()
        with self.queue:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.recorder.run(), name=f"{self.name} events")
                group.create_task(work(self.queue, self.reconcile, name=self.name, workers=self.workers))

    def follow(
        self,
        kind: Kind,
        keys: Callable[[Json], Iterable[Key]] | None = None,
        *,
        worth: Callable[[Json, Json], bool] | None = None,
    ) -> Informer:
        """Queue keys(object) for every change of the kind, of the object before and after; its own key by default.

        worth(old, new) may say that a change is none of ours.
        """
        informer = self.informers.of(kind)

        def changed(old: Json | None, new: Json | None) -> None:
            if worth and old is not None and new is not None and not worth(old, new):
                return
            for obj in (old, new):
                if obj is not None:
                    for key in keys(obj) if keys else (key_of(obj),):
                        self.queue.add(key)

        informer.add_handler(changed)
        return informer
