# SPDX-License-Identifier: Apache-2.0
"""PodDisruptionBudget: its status says how many of its pods may be evicted now; budget.py has the arithmetic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from controlplane.controllers import budget as arithmetic
from controlplane.controllers import meta, pods
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Operation, Update
from kube.events import NORMAL, WARNING, Happening
from kube.kinds import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    Kind,
)
from kube.selector import from_object

Json = dict[str, Any]
# The owner that a reference names, or None when it is not there (any more).
Lookup = Callable[[Json], Json | None]

# Whose spec.replicas says how many pods there should be.
SCALED: Final[Mapping[tuple[str, str], Kind]] = {
    (kind.api_version, kind.kind): kind
    for kind in (REPLICA_SETS, DEPLOYMENTS, STATEFUL_SETS, REPLICATION_CONTROLLERS)
}


class UnknownScaleError(Exception):
    """Nobody can say how many pods there should be."""


def wanted(found: Iterable[Json], lookup: Lookup) -> int:
    """The sum of what the owners of these pods want; pods without an owner add nothing. Raises UnknownScaleError."""
    scales = dict[str, int]()
    for pod in found:
        reference = meta.controller_of(pod)
        if reference is None or reference["uid"] in scales:
            continue
        owner, reference = _top(reference, lookup)
        if owner is None:
            if (reference["apiVersion"], reference["kind"]) not in SCALED:
                raise UnknownScaleError(
                    f"{reference['kind']} {reference['name']} does not implement the scale subresource"
                )
            raise UnknownScaleError(f'found no controllers for pod "{pod["metadata"]["name"]}"')
        # Several ReplicaSets of one Deployment are one owner.
        scales[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
    return sum(scales.values())


def _top(reference: Json, lookup: Lookup) -> tuple[Json | None, Json]:
    """The owner that a person scales: of a ReplicaSet its Deployment, if it has one."""
    owner = lookup(reference)
    above = meta.controller_of(owner) if owner is not None else None
    if above is not None and (above["apiVersion"], above["kind"]) in SCALED:
        return lookup(above), above
    return owner, reference


def plan(budget: Json, found: Sequence[Json], lookup: Lookup, now: datetime) -> list[Operation]:
    """The status to write, and what people are told. found: the pods of the budget's selector."""
    if meta.is_going(budget):
        return []
    operations = list[Operation]()
    if not found:
        operations.append(Happening(budget, NORMAL, "NoPods", "No matching pods found"))
    scaled = arithmetic.needs_scale(budget["spec"])
    if scaled and (loose := sorted(pod["metadata"]["name"] for pod in found if not meta.controller_of(pod))):
        text = (
            f"Nobody says how many there should be of the pods {', '.join(loose)}, which no controller owns: "
        )
        text += "they are not counted; with a number as minAvailable they are"
        operations.append(Happening(budget, WARNING, "UnmanagedPods", text))
    gone = arithmetic.disrupted(budget.get("status") or {}, found, now)
    operations += [_late(budget, pod) for pod in gone.late]
    try:
        status = arithmetic.status(budget, found, wanted(found, lookup) if scaled else 0, gone.left, now)
    except UnknownScaleError as error:
        why = f"Failed to calculate the number of expected pods: {error}"
        operations.append(Happening(budget, WARNING, "CalculateExpectedPodCountFailed", why))
        status = arithmetic.failed(budget, str(error), now)
    if status != budget.get("status"):
        operations.append(Update(DISRUPTION_BUDGETS, {**budget, "status": status}, "status"))
    return operations


def _late(budget: Json, pod: Json) -> Operation:
    metadata = budget["metadata"]
    text = f"PodDisruptionBudget {metadata['namespace']}/{metadata['name']} allowed its eviction, and it is still there"
    return Happening(pod, WARNING, "NotDeleted", text)


class Disruptions(Controller):
    """Reconciles budgets by (namespace, name)."""

    name = "disruption-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._budgets = self.follow(DISRUPTION_BUDGETS)
        self._budgets.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._pods = self.follow(PODS, self._keys_of_pod, worth=_matters)
        self._pods.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        for kind in SCALED.values():
            self.follow(kind, self._keys_of_owner, worth=_is_scaled)

    async def reconcile(self, key: Key) -> float | None:
        """Count, and write what has changed."""
        namespace, name = key
        budget = self._budgets.get(name, namespace)
        if budget is None:
            return None
        found = self._selected(budget)
        await self.executor.run(plan(budget, found, self._lookup(namespace), self.now()))
        until = arithmetic.disrupted(budget.get("status") or {}, found, self.now()).until
        return (until - self.now()).total_seconds() + 1 if until else None

    def _selected(self, budget: Json) -> list[Json]:
        there = self._pods.by_index("namespace", budget["metadata"]["namespace"])
        return [pod for pod in there if _selects(budget, pod)]

    def _lookup(self, namespace: str) -> Lookup:
        def lookup(reference: Json) -> Json | None:
            kind = SCALED.get((reference["apiVersion"], reference["kind"]))
            owner = self.informers.of(kind).get(reference["name"], namespace) if kind else None
            return owner if owner is not None and owner["metadata"]["uid"] == reference["uid"] else None

        return lookup

    def _keys_of_pod(self, pod: Json) -> Iterable[Key]:
        namespace = pod["metadata"]["namespace"]
        for budget in self._budgets.by_index("namespace", namespace):
            if _selects(budget, pod):
                yield namespace, budget["metadata"]["name"]

    def _keys_of_owner(self, owner: Json) -> Iterable[Key]:
        namespace = owner["metadata"]["namespace"]
        for budget in self._budgets.by_index("namespace", namespace):
            if arithmetic.needs_scale(budget["spec"]):
                yield namespace, budget["metadata"]["name"]


def _selects(budget: Json, pod: Json) -> bool:
    return from_object(budget["spec"].get("selector")).matches(pod["metadata"].get("labels"))


def _matters(old: Json, new: Json) -> bool:
    """Whether a change of a pod can change a budget."""
    return (
        pods.is_ready(old) != pods.is_ready(new)
        or meta.is_going(old) != meta.is_going(new)
        or old["metadata"].get("labels") != new["metadata"].get("labels")
        or meta.controller_uids(old) != meta.controller_uids(new)
    )


def _is_scaled(old: Json, new: Json) -> bool:
    return bool(old["spec"].get("replicas") != new["spec"].get("replicas"))
