# SPDX-License-Identifier: Apache-2.0
"""DaemonSet: a pod on every node that it is for, a revision a template, updates by and by."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from controlplane.controllers import daemonrollout, history, meta, pods
from controlplane.controllers.claim import claim
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.daemonplaces import HASH_LABEL, astray, places
from controlplane.controllers.daemonrollout import BURST, Daemons
from controlplane.controllers.operations import Create, Delete, Operation, Update
from kube.errors import ApiStatusError
from kube.events import Happening
from kube.kinds import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS
from kube.selector import from_object
from kube.workqueue import Backoff

Json = dict[str, Any]

# Between pods of one node that end at once: a node that refuses its daemon must not be asked all the time.
_BACKOFF: Final = Backoff(first=1.0, longest=900.0)
# A pod that lived so long was no failure of the node.
_CALM_SECONDS: Final = 1800.0


class _Patience:
    """When pods that ended were last replaced, by DaemonSet and node. Forgotten with the process: then it is soon."""

    def __init__(self) -> None:
        self._replaced: dict[tuple[str, str], tuple[int, float]] = {}

    def seconds_left(self, uid: str, node: str) -> float:
        """How long the next replacement has to wait."""
        count, since = self._replaced.get((uid, node), (0, 0.0))
        return max(0.0, since + _BACKOFF.pause(count) - time.monotonic()) if count else 0.0

    def replaced(self, uid: str, node: str) -> None:
        """A pod that ended goes now."""
        count, since = self._replaced.get((uid, node), (0, 0.0))
        now = time.monotonic()
        self._replaced[uid, node] = (1 if now > since + _CALM_SECONDS else count + 1), now

    def forget(self, uid: str) -> None:
        """The DaemonSet is gone."""
        for key in [key for key in self._replaced if key[0] == uid]:
            del self._replaced[key]


class DaemonSets(Controller):
    """Reconciles DaemonSets by (namespace, name)."""

    name = "daemonset-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._patience = _Patience()
        self._sets = self.follow(DAEMON_SETS)
        self._sets.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._sets.add_handler(self._ended)
        self._pods = self.follow(PODS, self._keys_of_owned)
        self._history = self.follow(CONTROLLER_REVISIONS, self._keys_of_owned)
        for informer in (self._pods, self._history):
            informer.add_index("controller", meta.controller_uids)
            informer.add_index("orphans", meta.orphan_namespaces)
        self._nodes = self.follow(NODES, self._keys_of_node, worth=_matters)

    async def reconcile(self, key: Key) -> float | None:
        """Adopt and release, note the revision, make and remove pods, tell the status."""
        daemons = self._sets.get(key[1], key[0])
        if daemons is None or meta.is_going(daemons):
            return None
        await self._claim(daemons)
        if not await self._advance(daemons):
            return 0
        now = history.current(daemons, self._revisions(daemons))
        if now is None:
            return 0
        view = Daemons(
            daemons, history.hash_of(now), self.now(), lambda node: self._may_replace(daemons, node)
        )
        nodes, owned = list(self._nodes.all()), self._owned(daemons)
        operations = daemonrollout.plan(view, places(daemons, nodes, owned))
        operations += [Delete(PODS, pod) for pod in astray(nodes, owned)]
        try:
            await self._perform(daemons, operations)
        finally:
            await self._tell_status(view, nodes)
        await self._forget_old(daemons)
        return self._seconds_to_next(view, operations)

    async def _perform(self, daemons: Json, operations: Sequence[Operation]) -> None:
        for step in operations:
            if isinstance(step, Happening):
                await self.executor.perform(step)
        await self.executor.run_together([step for step in operations if isinstance(step, Delete)])
        for step in operations:
            if isinstance(step, Delete) and pods.is_finished(step.obj):
                self._patience.replaced(daemons["metadata"]["uid"], step.obj["spec"].get("nodeName", ""))
        await self.executor.run_growing([step for step in operations if isinstance(step, Create)])

    async def _claim(self, daemons: Json) -> None:
        uid, namespace = daemons["metadata"]["uid"], daemons["metadata"]["namespace"]
        for kind, informer in ((PODS, self._pods), (CONTROLLER_REVISIONS, self._history)):
            candidates = [*informer.by_index("controller", uid), *informer.by_index("orphans", namespace)]
            await claim(self.client, self.executor, daemons, DAEMON_SETS, kind, candidates)

    async def _advance(self, daemons: Json) -> bool:
        """Note the revision; False when its name is taken, so that the next try has another one."""
        step = history.advance(daemons, self._revisions(daemons))
        if step is None:
            return True
        try:
            await self.executor.perform(step)
        except ApiStatusError as error:
            if not error.already_exists or not isinstance(step, Create):
                raise
        else:
            return True
        metadata = step.obj["metadata"]
        there = await self.client.get(CONTROLLER_REVISIONS, metadata["name"], metadata["namespace"])
        if there.get("data") == step.obj["data"] and meta.controller_uids(there) == [
            daemons["metadata"]["uid"]
        ]:
            self._history.observe(there)
            return False
        status = daemons.get("status") or {}
        counted = {**status, "collisionCount": status.get("collisionCount", 0) + 1}
        await self.executor.perform(Update(DAEMON_SETS, {**daemons, "status": counted}, "status"))
        return False

    async def _tell_status(self, view: Daemons, nodes: Sequence[Json]) -> None:
        new = daemonrollout.status(view, places(view.obj, nodes, self._owned(view.obj)))
        if new != view.obj.get("status"):
            await self.executor.perform(Update(DAEMON_SETS, {**view.obj, "status": new}, "status"))

    async def _forget_old(self, daemons: Json) -> None:
        in_use = {(pod["metadata"].get("labels") or {}).get(HASH_LABEL, "") for pod in self._owned(daemons)}
        await self.executor.run(history.superfluous(daemons, self._revisions(daemons), in_use))

    def _seconds_to_next(self, view: Daemons, operations: Sequence[Operation]) -> float | None:
        if len(operations) >= BURST:
            return 0
        min_ready, now, uid = (
            view.obj["spec"].get("minReadySeconds", 0),
            view.now,
            view.obj["metadata"]["uid"],
        )
        owned = self._owned(view.obj)
        moments = (pods.available_at(pod, min_ready) for pod in owned)
        waits = [(moment - now).total_seconds() for moment in moments if moment and moment > now]
        ended = [pod["spec"].get("nodeName", "") for pod in owned if pods.is_finished(pod)]
        waits += [left for node in ended if (left := self._patience.seconds_left(uid, node))]
        return min(waits, default=None)

    def _may_replace(self, daemons: Json, node: str) -> bool:
        return not self._patience.seconds_left(daemons["metadata"]["uid"], node)

    def _owned(self, daemons: Json) -> list[Json]:
        return self._pods.by_index("controller", daemons["metadata"]["uid"])

    def _revisions(self, daemons: Json) -> list[Json]:
        return self._history.by_index("controller", daemons["metadata"]["uid"])

    def _ended(self, old: Json | None, new: Json | None) -> None:
        if new is None and old is not None:
            self._patience.forget(old["metadata"]["uid"])

    def _keys_of_owned(self, obj: Json) -> Iterable[Key]:
        namespace = obj["metadata"]["namespace"]
        owner = meta.controller_of(obj)
        if owner is not None:
            if owner["kind"] == DAEMON_SETS.kind:
                yield namespace, owner["name"]
            return
        if meta.is_going(obj):
            return
        for daemons in self._sets.by_index("namespace", namespace):
            if from_object(daemons["spec"]["selector"]).matches(obj["metadata"].get("labels")):
                yield namespace, daemons["metadata"]["name"]

    def _keys_of_node(self, _: Json) -> Iterable[Key]:
        return [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in self._sets.all()]


def _matters(old: Json, new: Json) -> bool:
    """A heartbeat changes nothing here."""
    return (old["metadata"].get("labels"), (old.get("spec") or {}).get("taints")) != (
        new["metadata"].get("labels"),
        (new.get("spec") or {}).get("taints"),
    )
