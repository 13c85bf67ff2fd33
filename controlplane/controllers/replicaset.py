# SPDX-License-Identifier: Apache-2.0
"""ReplicaSet: keeps as many pods of its template as spec.replicas says."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.controllers.claim import claim
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Create, Delete, Operation, Update
from kube.errors import ApiStatusError
from kube.kinds import PODS, REPLICA_SETS
from kube.selector import from_object

Json = dict[str, Any]

# At most so many pods are made or removed in one go; the next look does more.
BURST: Final = 500
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}


def plan(replicaset: Json, owned: Sequence[Json], related: Mapping[str, int]) -> list[Operation]:
    """Creates or deletes that bring the number of active pods to spec.replicas.

    owned are the pods that it manages; related counts, for each node, the active pods of it and of its siblings (the
    ReplicaSets of the same Deployment): where many are, one is removed first.
    """
    if meta.is_going(replicaset):
        return []
    active = [pod for pod in owned if pods.is_active(pod)]
    missing = replicaset["spec"].get("replicas", 1) - len(active)
    if missing >= 0:
        template = replicaset["spec"]["template"]
        return [
            Create(PODS, pods.from_template(replicaset, REPLICA_SETS, template), told_to=replicaset)
            for _ in range(min(missing, BURST))
        ]
    victims = sorted(active, key=lambda pod: _keep_rank(pod, related))[: min(-missing, BURST)]
    return [Delete(PODS, pod, told_to=replicaset) for pod in victims]


def _keep_rank(pod: Json, related: Mapping[str, int]) -> tuple[Any, ...]:
    """What sorts first is removed first: what does least work, then what costs least, then the youngest."""
    node = pod["spec"].get("nodeName", "")
    since = pods.ready_since(pod)
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    restarts = max((status.get("restartCount", 0) for status in statuses), default=0)
    return (
        bool(node),
        _PHASES.get(pods.phase(pod), 1),
        pods.is_ready(pod),
        _deletion_cost(pod),
        -related.get(node, 0),
        -since.timestamp() if since else 0,
        -restarts,
        -meta.parse_time(pod["metadata"]["creationTimestamp"]).timestamp(),
    )


def _deletion_cost(pod: Json) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(_DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def status(replicaset: Json, owned: Iterable[Json], failure: Json | None, now: datetime) -> Json:
    """The status that these pods make; failure is the condition ReplicaFailure, None when all went well."""
    active = [pod for pod in owned if pods.is_active(pod)]
    min_ready = replicaset["spec"].get("minReadySeconds", 0)
    wanted = (replicaset["spec"]["template"].get("metadata") or {}).get("labels") or {}
    counts = {
        "fullyLabeledReplicas": sum(
            wanted.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active
        ),
        "readyReplicas": sum(pods.is_ready(pod) for pod in active),
        "availableReplicas": sum(pods.is_available(pod, min_ready, now) for pod in active),
    }
    found: Json = {
        # A count of nothing is left out, as everywhere in the API, but for the one that is required.
        "replicas": len(active),
        **{key: count for key, count in counts.items() if count},
        "observedGeneration": replicaset["metadata"].get("generation", 0),
    }
    conditions = replicaset.get("status", {}).get("conditions") or []
    conditions = _failing(conditions, failure, now)
    return {**found, "conditions": conditions} if conditions else found


def _failing(conditions: list[Json], failure: Json | None, now: datetime) -> list[Json]:
    """With the condition or without it; as it was when the reason is the same.

    Each try's message names another pod, and a status that changes with every try would bring about the next one.
    """
    if failure is None:
        return meta.without_condition(conditions, "ReplicaFailure")
    was = next((item for item in conditions if item["type"] == failure["type"]), None)
    if was is not None and (was["status"], was["reason"]) == (failure["status"], failure["reason"]):
        return conditions
    return meta.with_condition(conditions, failure, now)


def seconds_to_available(replicaset: Json, owned: Iterable[Json], now: datetime) -> float | None:
    """How long until the next ready pod counts as available; None when there is none to wait for."""
    min_ready = replicaset["spec"].get("minReadySeconds", 0)
    moments = (pods.available_at(pod, min_ready) for pod in owned if pods.is_active(pod))
    waits = [(moment - now).total_seconds() for moment in moments if moment and moment > now]
    return min(waits, default=None)


def failure_condition(operations: Sequence[Operation], error: ApiStatusError) -> Json:
    """The condition that says why pods could not be made or removed."""
    reason = "FailedCreate" if isinstance(operations[0], Create) else "FailedDelete"
    return {"type": "ReplicaFailure", "status": "True", "reason": reason, "message": str(error)}


class ReplicaSets(Controller):
    """Reconciles ReplicaSets by (namespace, name)."""

    name = "replicaset-controller"
    workers = 4

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._sets = self.follow(REPLICA_SETS)
        self._sets.add_index("controller", meta.controller_uids)
        self._sets.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._pods = self.follow(PODS, self._keys_of_pod)
        self._pods.add_index("controller", meta.controller_uids)
        self._pods.add_index("orphans", meta.orphan_namespaces)

    async def reconcile(self, key: Key) -> float | None:
        """Adopt and release, then create or delete, then tell the status."""
        namespace, name = key
        replicaset = self._sets.get(name, namespace)
        if replicaset is None:
            return None
        await self._claim(replicaset)
        operations = plan(replicaset, self._owned(replicaset), self._related(replicaset))
        failure: ApiStatusError | None = None
        try:
            if operations and isinstance(operations[0], Create):
                await self.executor.run_growing(operations)
            else:
                await self.executor.run_together(operations)
        except ApiStatusError as error:
            failure = error
        reason = failure_condition(operations, failure) if failure else None
        await self._tell_status(replicaset, reason)
        if failure and not failure.namespace_is_terminating:
            raise failure
        if len(operations) == BURST:
            return 0
        return seconds_to_available(replicaset, self._owned(replicaset), self.now())

    async def _claim(self, replicaset: Json) -> None:
        namespace, uid = replicaset["metadata"]["namespace"], replicaset["metadata"]["uid"]
        candidates = [
            *self._pods.by_index("controller", uid),
            *filter(pods.is_active, self._pods.by_index("orphans", namespace)),
        ]
        await claim(self.client, self.executor, replicaset, REPLICA_SETS, PODS, candidates)

    async def _tell_status(self, replicaset: Json, failure: Json | None) -> None:
        new = status(replicaset, self._owned(replicaset), failure, self.now())
        if new != replicaset.get("status"):
            await self.executor.perform(Update(REPLICA_SETS, {**replicaset, "status": new}, "status"))

    def _owned(self, replicaset: Json) -> list[Json]:
        return self._pods.by_index("controller", replicaset["metadata"]["uid"])

    def _related(self, replicaset: Json) -> Mapping[str, int]:
        owner = meta.controller_of(replicaset)
        siblings = self._sets.by_index("controller", owner["uid"]) if owner else [replicaset]
        return Counter(
            pod["spec"].get("nodeName", "")
            for sibling in siblings
            for pod in self._owned(sibling)
            if pods.is_active(pod)
        )

    def _keys_of_pod(self, pod: Json) -> Iterable[Key]:
        namespace = pod["metadata"]["namespace"]
        owner = meta.controller_of(pod)
        if owner is not None:
            if owner["kind"] == REPLICA_SETS.kind:
                yield namespace, owner["name"]
            return
        if meta.is_going(pod):
            return
        for replicaset in self._sets.by_index("namespace", namespace):
            if from_object(replicaset["spec"]["selector"]).matches(pod["metadata"].get("labels")):
                yield namespace, replicaset["metadata"]["name"]
