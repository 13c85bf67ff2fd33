# SPDX-License-Identifier: Apache-2.0
"""Deployment: a ReplicaSet for each version of the template, and the way from one to the next."""

from collections.abc import Iterable, Sequence
from typing import Any

from controlplane.controllers import meta, pods, progress, revisions, rollout
from controlplane.controllers.claim import claim
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Create, Delete, Operation, Patch, Update
from controlplane.controllers.rollout import Count, Goal, Targets
from kube.errors import ApiStatusError
from kube.events import NORMAL, Happening
from kube.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from kube.selector import from_object

Json = dict[str, Any]


def plan(deployment: Json, sets: Sequence[Json], *, old_pods: int = 0) -> list[Operation]:
    """The next step: a new set, other numbers of replicas, notes, sets past the history limit.

    sets are those that it manages; old_pods is how many unfinished pods there are of other versions than the current.
    """
    if meta.is_going(deployment):
        return []
    new = revisions.current_set(deployment, sets)
    old = [item for item in sets if item is not new]
    wanted = rollout.goal(deployment["spec"])
    scaling = bool(deployment["spec"].get("paused")) or _is_scaled(deployment, sets)
    if not scaling and new is None and _may_begin(deployment, old, old_pods):
        replicas = rollout.grow(wanted, Count("", 0, 0), list(map(_count, old)))
        made = revisions.new_set(deployment, sets, replicas, wanted)
        text = f"Scaled up replica set {made['metadata']['name']} from 0 to {replicas}"
        told = [Happening(deployment, NORMAL, "ScalingReplicaSet", text)] if replicas else []
        return [Create(REPLICA_SETS, made), *told]
    targets = _targets(deployment, wanted, new, old, scaling=scaling, old_pods=old_pods)
    operations = [step for item in sets for step in _set_steps(deployment, item, new, old, targets, wanted)]
    operations += _deployment_notes(deployment, new, old)
    if progress.is_complete(deployment, deployment.get("status", {})) and not deployment["spec"].get(
        "paused"
    ):
        operations += [Delete(REPLICA_SETS, item) for item in revisions.superfluous(deployment, old)]
    return operations


def _targets(
    deployment: Json,
    wanted: Goal,
    new: Json | None,
    old: Sequence[Json],
    *,
    scaling: bool,
    old_pods: int,
) -> Targets:
    rolling = not _recreates(deployment)
    new_count, old_counts = _count(new) if new else None, list(map(_count, old))
    if scaling:
        return rollout.scale(wanted, new_count, old_counts, rolling=rolling)
    if rolling:
        return rollout.roll(wanted, new_count, old_counts) if new_count else {}
    if shrunk := {item.name: 0 for item in old_counts if item.replicas}:
        return shrunk
    if new_count and new_count.replicas != wanted.replicas and not old_pods:
        return {new_count.name: wanted.replicas}
    return {}


def _may_begin(deployment: Json, old: Iterable[Json], old_pods: int) -> bool:
    """Whether a new set may be made: Recreate waits until everything old is gone."""
    asked = any(item["spec"].get("replicas", 1) for item in old)
    return not _recreates(deployment) or not (asked or old_pods)


def _set_steps(
    deployment: Json, item: Json, new: Json | None, old: Sequence[Json], targets: Targets, wanted: Goal
) -> Iterable[Operation]:
    """One patch of a set for all that is to change on it, and the Event about its scale."""
    name, current = item["metadata"]["name"], item["spec"].get("replicas", 1)
    replicas = targets.get(name, current)
    notes = revisions.scale_notes(wanted) if replicas or replicas != current else {}
    spec: Json = {"replicas": replicas} if replicas != current else {}
    if item is new:
        notes |= revisions.copied(deployment) | revisions.revision_notes(item, old)
        min_ready = deployment["spec"].get("minReadySeconds", 0)
        if item["spec"].get("minReadySeconds", 0) != min_ready:
            spec["minReadySeconds"] = min_ready
    present = item["metadata"].get("annotations") or {}
    changed = {key: value for key, value in notes.items() if present.get(key) != value}
    if changed or spec:
        metadata = {"resourceVersion": item["metadata"]["resourceVersion"], "annotations": changed}
        namespace = item["metadata"]["namespace"]
        yield Patch(REPLICA_SETS, name, namespace, {"metadata": metadata, "spec": spec})
    if replicas != current:
        way = "up" if replicas > current else "down"
        text = f"Scaled {way} replica set {name} from {current} to {replicas}"
        yield Happening(deployment, NORMAL, "ScalingReplicaSet", text)


def _deployment_notes(deployment: Json, new: Json | None, old: Sequence[Json]) -> list[Operation]:
    """The Deployment shows its current revision, which kubectl's rollout commands read."""
    if new is None:
        return []
    metadata = deployment["metadata"]
    current = max(revisions.revision(new), revisions.last_revision(old) + 1)
    if revisions.revision(deployment) == current:
        return []
    note = {revisions.REVISION: str(current)}
    return [Patch(DEPLOYMENTS, metadata["name"], metadata["namespace"], {"metadata": {"annotations": note}})]


def _is_scaled(deployment: Json, sets: Iterable[Json]) -> bool:
    """Whether the Deployment's replicas changed since its sets were last given theirs."""
    replicas = deployment["spec"].get("replicas", 1)
    active = (item for item in sets if item["spec"].get("replicas", 1) > 0)
    return any(revisions.noted_desired(item) not in (0, replicas) for item in active)


def _recreates(deployment: Json) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def _count(item: Json) -> Count:
    return Count(
        name=item["metadata"]["name"],
        replicas=item["spec"].get("replicas", 1),
        available=item.get("status", {}).get("availableReplicas", 0),
        created=item["metadata"]["creationTimestamp"],
        most_before=revisions.noted_most(item),
    )


class Deployments(Controller):
    """Reconciles Deployments by (namespace, name)."""

    name = "deployment-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._deployments = self.follow(DEPLOYMENTS)
        self._deployments.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._sets = self.follow(REPLICA_SETS, self._keys_of_set)
        self._sets.add_index("controller", meta.controller_uids)
        self._sets.add_index("orphans", meta.orphan_namespaces)
        # Recreate waits for old pods to be gone; nothing else of a pod matters here.
        self._pods = self.follow(
            PODS, self._keys_of_pod, worth=lambda old, new: pods.is_finished(old) != pods.is_finished(new)
        )
        self._pods.add_index("controller", meta.controller_uids)

    async def reconcile(self, key: Key) -> float | None:
        """Adopt and release, one step, then tell the status."""
        namespace, name = key
        deployment = self._deployments.get(name, namespace)
        if deployment is None:
            return None
        await self._claim(deployment)
        sets = self._owned(deployment)
        for operation in plan(deployment, sets, old_pods=self._old_pods(deployment, sets)):
            if isinstance(operation, Create):
                if not await self._create(deployment, operation):
                    return 0
            else:
                await self.executor.perform(operation)
        return await self._tell_status(namespace, name)

    async def _claim(self, deployment: Json) -> None:
        uid, namespace = deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
        candidates = [*self._sets.by_index("controller", uid), *self._sets.by_index("orphans", namespace)]
        await claim(self.client, self.executor, deployment, DEPLOYMENTS, REPLICA_SETS, candidates)

    async def _create(self, deployment: Json, operation: Create) -> bool:
        """Make the set; False when its name is taken, which is remembered so that the next try has another name."""
        try:
            await self.executor.perform(operation)
        except ApiStatusError as error:
            if not error.already_exists:
                raise
        else:
            return True
        metadata = operation.obj["metadata"]
        there = await self.client.get(REPLICA_SETS, metadata["name"], metadata["namespace"])
        owner = meta.controller_of(there)
        if (
            owner
            and owner["uid"] == deployment["metadata"]["uid"]
            and revisions.current_set(deployment, [there])
        ):
            self._sets.observe(there)
            return False
        status = deployment.get("status", {})
        counted = {**status, "collisionCount": status.get("collisionCount", 0) + 1}
        await self.executor.perform(Update(DEPLOYMENTS, {**deployment, "status": counted}, "status"))
        return False

    async def _tell_status(self, namespace: str, name: str) -> float | None:
        # The annotations were perhaps changed a moment ago: the copy has that already.
        deployment = self._deployments.get(name, namespace)
        if deployment is None:
            return None
        sets = self._owned(deployment)
        new = revisions.current_set(deployment, sets)
        status = progress.status(deployment, new, sets, self.now())
        if status != deployment.get("status"):
            await self.executor.perform(Update(DEPLOYMENTS, {**deployment, "status": status}, "status"))
        return progress.seconds_to_deadline(deployment, status, self.now())

    def _owned(self, deployment: Json) -> list[Json]:
        return self._sets.by_index("controller", deployment["metadata"]["uid"])

    def _old_pods(self, deployment: Json, sets: Sequence[Json]) -> int:
        if not _recreates(deployment):
            return 0
        new = revisions.current_set(deployment, sets)
        return sum(
            not pods.is_finished(pod)
            for item in sets
            if item is not new
            for pod in self._pods.by_index("controller", item["metadata"]["uid"])
        )

    def _keys_of_set(self, item: Json) -> Iterable[Key]:
        namespace = item["metadata"]["namespace"]
        owner = meta.controller_of(item)
        if owner is not None:
            return [(namespace, owner["name"])] if owner["kind"] == DEPLOYMENTS.kind else []
        found = self._deployments.by_index("namespace", namespace)
        return [(namespace, obj["metadata"]["name"]) for obj in found if _selects(obj, item)]

    def _keys_of_pod(self, pod: Json) -> Iterable[Key]:
        owner = meta.controller_of(pod)
        if owner is None or owner["kind"] != REPLICA_SETS.kind:
            return []
        item = self._sets.get(owner["name"], pod["metadata"]["namespace"])
        return self._keys_of_set(item) if item is not None and meta.controller_of(item) else []


def _selects(deployment: Json, item: Json) -> bool:
    return meta.claims(deployment, from_object(deployment["spec"]["selector"]), [item]).adopt != ()
