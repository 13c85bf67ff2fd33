# SPDX-License-Identifier: Apache-2.0
"""The loop: informers keep queue and cache current, plan decides, a binding is written, Events tell."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from controlplane.scheduler.cache import Cache
from controlplane.scheduler.model import Choice, PodInfo, Unschedulable
from controlplane.scheduler.plan import decide
from controlplane.scheduler.queue import SchedulingQueue
from controlplane.scheduler.read import pod_info
from kube.client import Client, PatchType
from kube.errors import ApiStatusError, KubeError, UnreachableError
from kube.events import NORMAL, WARNING, Happening, Recorder
from kube.informer import Informers, key_of
from kube.kinds import NAMESPACES, NODES, PODS

log = logging.getLogger(__name__)

Json = dict[str, Any]

NAME: Final = "default-scheduler"
# Bindings under way at the same time; the next decisions do not wait for them.
_BINDINGS: Final = 32


class Scheduler:
    """Schedules the pods whose spec.schedulerName is "default-scheduler"."""

    def __init__(
        self, client: Client, informers: Informers, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.queue, self.cache = SchedulingQueue(), Cache()
        self._client, self._informers, self._now = client, informers, now
        self._recorder = Recorder(client, NAME, clock=now)
        self._limit = asyncio.Semaphore(_BINDINGS)
        self._pods, self._nodes = informers.of(PODS), informers.of(NODES)
        # Before the pods: affinity may choose namespaces by their labels.
        informers.of(NAMESPACES).add_handler(self._namespace_changed)
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)

    async def run(self) -> None:
        """After the first lists: schedule until cancelled."""
        await self._informers.synced()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="scheduler events")
            while True:
                pod = await self.queue.get()
                await self._limit.acquire()
                decision = decide(pod, self.cache.states, self.cache.index)
                # Before anything else happens: the next pod must see what this one takes.
                if isinstance(decision, Choice):
                    self.cache.place(pod, decision.node, assumed=True)
                else:
                    self.queue.unschedulable(pod.key)
                group.create_task(self._carry_out(pod, decision), name=f"schedule {pod.namespace}/{pod.name}")

    async def _carry_out(self, pod: PodInfo, decision: Choice | Unschedulable) -> None:
        try:
            if isinstance(decision, Choice):
                await self._bind(pod, decision)
            else:
                await self._refuse(pod, decision)
        except Exception:  # one pod's fault, even a bug, must not stop the others
            log.exception("Cannot schedule pod %s/%s", pod.namespace, pod.name)
        finally:
            self._limit.release()

    async def _bind(self, pod: PodInfo, choice: Choice) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": choice.node},
        }
        path = PODS.path(pod.namespace, pod.name, "binding")
        try:
            await self._client.request("POST", path, body=binding)
        except (ApiStatusError, UnreachableError) as error:
            self._give_back(pod, error)
            return
        text = f"Successfully assigned {pod.namespace}/{pod.name} to {choice.node}"
        self._tell(pod, NORMAL, "Scheduled", text)

    def _give_back(self, pod: PodInfo, error: KubeError) -> None:
        """The binding failed: unless the pod was seen on a node all the same, its place is free again."""
        if self.cache.is_assumed(pod.key):
            self.cache.remove(pod.key)
            self.queue.failed(pod.key)
        gone = isinstance(error, ApiStatusError) and error.is_not_found
        if not gone:
            log.warning("Cannot bind pod %s/%s: %s", pod.namespace, pod.name, error)
            self._tell(pod, WARNING, "FailedScheduling", f"binding failed: {error}")

    async def _refuse(self, pod: PodInfo, why: Unschedulable) -> None:
        message = str(why)
        self._tell(pod, WARNING, "FailedScheduling", message)
        current = self._current(pod)
        if current is None or _says(current, message):
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        try:
            await self._client.patch(
                PODS,
                pod.name,
                {"status": {"conditions": [condition]}},
                namespace=pod.namespace,
                type=PatchType.STRATEGIC,
                subresource="status",
            )
        except (ApiStatusError, UnreachableError) as error:
            log.info("Cannot tell pod %s/%s that it does not fit: %s", pod.namespace, pod.name, error)

    def _current(self, pod: PodInfo) -> Json | None:
        found = self._pods.get(pod.name, pod.namespace)
        return found if found is not None and found["metadata"].get("uid") == pod.uid else None

    def _tell(self, pod: PodInfo, type: str, reason: str, message: str) -> None:  # noqa: A002
        about = self._current(pod)
        if about is not None:
            self._recorder.record(Happening(about, type, reason, message))

    def _node_changed(self, old: Json | None, new: Json | None) -> None:
        if new is None:
            self.cache.remove_node((old or {})["metadata"]["name"])
            return
        # A heartbeat every few seconds changes nothing that matters here.
        if old is None or _placement_of(old) != _placement_of(new):
            self.cache.set_node(new)
            self.queue.move_all()

    def _namespace_changed(self, old: Json | None, new: Json | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        labels = (new or {"metadata": {}})["metadata"].get("labels") or {}
        if new is None:
            self.cache.index.namespaces.pop(name, None)
        elif labels != self.cache.index.namespaces.get(name):
            self.cache.index.namespaces[name] = labels
            self.queue.move_related()

    def _pod_changed(self, old: Json | None, new: Json | None) -> None:
        pod = new or old or {}
        key = key_of(pod)
        if new is None or _is_over(new):
            self.queue.remove(key)
            if key in self.cache.placed():
                self.cache.remove(key)
                self.queue.move_all()
        elif new["spec"].get("nodeName"):
            self.queue.remove(key)
            if old is None or self.cache.is_assumed(key) or _takes(old) != _takes(new):
                self._settle(new)
        elif _is_ours(new) and not self.cache.is_assumed(key):
            self._await_room(old, new)

    def _await_room(self, old: Json | None, new: Json) -> None:
        if (old is None or _asks(old) != _asks(new)) and (info := _read(new)):
            self.queue.add(info)

    def _settle(self, pod: Json) -> None:
        if info := _read(pod):
            self.cache.place(info, pod["spec"]["nodeName"])
            self.queue.move_related()


def _read(pod: Json) -> PodInfo | None:
    try:
        return pod_info(pod)
    except (KubeError, KeyError) as error:
        log.warning("Cannot schedule pod %s: %s", "/".join(key_of(pod)), error)
        return None


def _is_over(pod: Json) -> bool:
    """Finished, or going away before it ever had a node."""
    finished = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return finished or ("deletionTimestamp" in pod["metadata"] and not pod["spec"].get("nodeName"))


def _is_ours(pod: Json) -> bool:
    spec = pod["spec"]
    return spec.get("schedulerName", NAME) == NAME and not spec.get("schedulingGates")


def _placement_of(node: Json) -> tuple[Any, ...]:
    spec, status = node.get("spec", {}), node.get("status", {})
    return (
        node["metadata"].get("labels"), spec.get("taints"), spec.get("unschedulable"),
        status.get("allocatable"), status.get("capacity"), status.get("images"),
    )  # fmt: skip


def _takes(pod: Json) -> tuple[Any, ...]:
    metadata = pod["metadata"]
    return (
        pod["spec"].get("nodeName"), pod["spec"].get("containers"), metadata.get("uid"),
        metadata.get("labels"), "deletionTimestamp" in metadata,
    )  # fmt: skip


def _asks(pod: Json) -> tuple[Any, ...]:
    """What may change of a waiting pod; that it does not fit, which we write ourselves, is not among it."""
    return pod["spec"], pod["metadata"].get("uid"), pod["metadata"].get("labels"), _is_over(pod)


def _says(pod: Json, message: str) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(item["type"] == "PodScheduled" and item.get("message") == message for item in conditions)
