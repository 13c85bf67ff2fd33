# SPDX-License-Identifier: Apache-2.0
"""All pods of the node: a worker for each name that is wanted or found, woken by events and by relisting."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from agent.pod.model import PodKey
from agent.pod.observe import FoundPod, find_pods
from agent.pod.situation import PodEnd
from agent.pod.view import PodView
from agent.pod.worker import PodWorker, WorkerSettings
from agent.sources.model import Snapshot
from cri import CriError
from cri.model import Event, EventKind

log = logging.getLogger("orlop.agent")

# A worker that failed by an error of ours is started anew after this many seconds: the pod must not be forgotten.
WORKER_RETRY = 5.0

# The runtime may write "OOMKilled" on a container shortly after the container's end, without a further event: look at
# it once more after this many seconds.
OOM_SETTLES = 0.5

# Our own workers cause these and look by themselves when they are done.
_OWN_DOING = (EventKind.CREATED, EventKind.STARTED)


class PodManager:
    """Starts, wakes and drops workers; desired pods come from `accept`, the runtime's changes from `run`."""

    def __init__(self, settings: WorkerSettings, *, relist_seconds: float) -> None:
        """Every relist_seconds the runtime is asked for everything, whatever events said; looked is set after that."""
        self._settings = settings
        self._relist_seconds = relist_seconds
        self._workers: dict[PodKey, PodWorker] = {}
        self._tasks: dict[PodKey, asyncio.Task[None]] = {}
        self._seen: Mapping[PodKey, FoundPod] = {}
        self._accepted = asyncio.Event()
        self._look = asyncio.Event()
        self._moved = asyncio.Event()
        self.looked = asyncio.Event()
        self.snapshot = Snapshot()
        # Called with the key of each pod that was looked at, and once more when its worker has ended.
        self.changed: Callable[[PodKey], None] = lambda _: None

    @property
    def views(self) -> Mapping[PodKey, PodView]:
        """What is known of every pod right now."""
        return {key: worker.view for key, worker in self._workers.items()}

    def view(self, key: PodKey) -> PodView:
        """What is known of one pod right now."""
        worker = self._workers.get(key)
        return worker.view if worker else PodView()

    def is_at_work(self, key: PodKey) -> bool:
        """Whether something of the pod is there, or is being made."""
        return key in self._workers

    def wake(self, uids: Collection[str]) -> None:
        """Something that these pods refer to has changed."""
        for worker in self._workers.values():
            if worker.desired and worker.desired.uid in uids:
                worker.refresh()

    def wake_pod(self, key: PodKey) -> None:
        """Something about this pod has changed."""
        if key in self._workers:
            self._workers[key].wake()

    def end(self, key: PodKey, uid: str, end: PodEnd) -> None:
        """End this pod for good: its phase becomes Failed."""
        worker = self._workers.get(key)
        if worker and worker.desired and worker.desired.uid == uid:
            worker.end(end)

    def accept(self, snapshot: Snapshot) -> None:
        """Take over what should run now. Pods that went are removed, unless the file they came from is broken."""
        self.snapshot = snapshot
        for key, desired in snapshot.pods.items():
            self._worker(key).want(desired)
        for key, worker in self._workers.items():
            if key not in snapshot.pods:
                worker.want(None)
        if not self._accepted.is_set():
            self._accepted.set()
            self._look.set()

    def notice(self, event: Event) -> None:
        """Something happened in the runtime: look at what changed."""
        if event.kind is EventKind.OOM:
            asyncio.get_running_loop().call_later(OOM_SETTLES, self._wake_owner, event.container_id)
        elif event.kind not in _OWN_DOING:
            self._look.set()

    async def run(self) -> None:
        """Relist when told to and every relist_seconds; never before the sources have spoken once."""
        await self._accepted.wait()
        while True:
            try:
                await self._relist()
            except CriError as error:
                log.warning("cannot list what the runtime holds: %s", error)
            await self._pause()

    async def settled(self) -> None:
        """Return once every worker rests with nothing left to do and no time to wait for."""
        await self._accepted.wait()
        while not all(view.settled for view in self.views.values()):
            self._moved.clear()
            await self._moved.wait()

    async def stop(self) -> None:
        """End the workers; the pods run on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def note_oom_kill(self, container_id: str) -> None:
        """The kernel says that a container had an OOM kill: look at its pod again."""
        self._settings.tools.oom_killed.add(container_id)
        self._wake_owner(container_id)

    def _wake_owner(self, container_id: str) -> None:
        for worker in self._workers.values():
            if any(c.status.id == container_id for c in worker.view.observed.containers):
                worker.wake()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._relist_seconds):
                await self._look.wait()
        except TimeoutError:
            pass
        self._look.clear()

    async def _relist(self) -> None:
        killed = set(self._settings.tools.oom_killed)
        found = await find_pods(self._settings.tools.runtime)
        known = {identity for pod in found.values() for identity, _ in pod.states}
        self._settings.tools.oom_killed.difference_update(killed - known)
        for key in found.keys() | self._seen.keys():
            changed = found.get(key) != self._seen.get(key)
            if key in self._workers and changed:
                self._workers[key].wake()
            elif key in found and key not in self._workers:
                self._remove_unknown(key, found[key], changed=changed)
        self._seen = found
        self.looked.set()

    def _remove_unknown(self, key: PodKey, found: FoundPod, *, changed: bool) -> None:
        """Remove a pod that no source names. One whose manifest cannot be read now is left running as it is."""
        if found.source.rpartition(":")[0] in self.snapshot.broken_files or self.snapshot.is_blind:
            if changed:
                log.warning("pod %s stays: its manifest %s cannot be read", key, found.source)
            return
        log.info("pod %s is in the runtime and in no source: it is removed", key)
        self._worker(key).want(None)

    def _worker(self, key: PodKey) -> PodWorker:
        worker = self._workers.get(key)
        if worker is None:
            worker = PodWorker(key, self._settings, self._on_change)
            self._workers[key] = worker
            task = asyncio.create_task(worker.run(), name=f"pod {key}")
            self._tasks[key] = task
            task.add_done_callback(lambda task: self._on_end(key, task))
        return worker

    def _on_end(self, key: PodKey, task: asyncio.Task[None]) -> None:
        worker = self._workers.pop(key)
        self._tasks.pop(key)
        self._on_change(key)
        if task.cancelled():
            return
        if error := task.exception():
            log.error("the worker of pod %s failed; it is started anew", key, exc_info=error)
            asyncio.get_running_loop().call_later(WORKER_RETRY, self._revive, key)
        elif worker.desired:
            self._revive(key)

    def _revive(self, key: PodKey) -> None:
        """Start the worker of a pod anew if there is still something to do for it."""
        self._worker(key).want(self.snapshot.pods.get(key))

    def _on_change(self, key: PodKey) -> None:
        self._moved.set()
        if key in self._workers:
            self.changed(key)
