# SPDX-License-Identifier: Apache-2.0
"""Nodes that stop reporting: Ready becomes Unknown, taints say so, and pods that do not tolerate them are deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Delete, Operation, Patch, Update
from kube.events import NORMAL, Happening
from kube.kinds import LEASES, NODES, PODS

Json = dict[str, Any]

# How long a node's Lease may stay as it is; a kubelet renews it every ten seconds.
GRACE_SECONDS: Final = 40.0
_LOOK_SECONDS: Final = 5.0
_LEASE_NAMESPACE: Final = "kube-node-lease"

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
# Conditions that keep new pods away while they are True.
_PRESSURES: Final = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_MANAGED: Final = {NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values()}
_REPORTED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a node, and when (by our clock) it was seen first."""

    sign: str
    seen: datetime


def heartbeat(before: Heartbeat | None, node: Json, lease: Json | None, now: datetime) -> Heartbeat:
    """After another look. Only our own clock counts: a node's may be wrong. One not seen before gets its full grace."""
    renewed = (lease or {}).get("spec", {}).get("renewTime", "")
    ready = meta.condition(node, "Ready") or {}
    told = ready.get("lastHeartbeatTime", "") if ready.get("status") != "Unknown" else ""
    sign = f"{node['metadata']['uid']} {renewed} {told}"
    return before if before and before.sign == sign else Heartbeat(sign, now)


def plan_status(node: Json, beat: Heartbeat, now: datetime) -> list[Operation]:
    """Conditions become Unknown when the node has been silent for too long."""
    if now < beat.seen + timedelta(seconds=GRACE_SECONDS) or meta.is_going(node):
        return []
    conditions = node.get("status", {}).get("conditions") or []
    for name in _REPORTED:
        found = meta.condition(node, name)
        if name == "Ready" or found:
            silent = {
                **(found or {"lastHeartbeatTime": node["metadata"]["creationTimestamp"]}),
                "type": name,
                "status": "Unknown",
                "reason": "NodeStatusUnknown" if found else "NodeStatusNeverUpdated",
                "message": "Kubelet stopped posting node status."
                if found
                else "Kubelet never posted node status.",
            }
            if found is None or found["status"] != "Unknown":
                conditions = meta.with_condition(conditions, silent, now)
    if conditions == (node.get("status", {}).get("conditions") or []):
        return []
    status = {**node.get("status", {}), "conditions": conditions}
    name = node["metadata"]["name"]
    event = Happening(node, NORMAL, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
    return [Update(NODES, {**node, "status": status}, "status"), event]


def plan_taints(node: Json, now: datetime, *, evict: bool) -> list[Operation]:
    """The taints that the node's conditions ask for; evict False leaves out those that end pods.

    A NoExecute taint of anybody else's gets the time from which tolerationSeconds count: kubectl writes none.
    """
    if meta.is_going(node):
        return []
    wanted = list(_wanted_taints(node, evict=evict))
    present = node.get("spec", {}).get("taints") or []
    ours = [taint for taint in present if taint["key"] in _MANAGED]
    same = {_identity(taint) for taint in ours} == {_identity(taint) for taint in wanted}
    if same and not any(map(_is_undated, present)):
        return []
    known = {_identity(taint): taint for taint in ours}
    # When a taint began is what tolerationSeconds count from.
    fresh = [
        known.get(_identity(taint)) or _dated(taint, now)
        for taint in sorted(wanted, key=lambda item: item["key"])
    ]
    others = [taint for taint in present if taint["key"] not in _MANAGED]
    taints = [_dated(taint, now) if _is_undated(taint) else taint for taint in others] + fresh
    metadata = node["metadata"]
    guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    return [Patch(NODES, metadata["name"], "", {"metadata": guard, "spec": {"taints": taints or None}})]


def _wanted_taints(node: Json, *, evict: bool) -> Iterable[Json]:
    if node.get("spec", {}).get("unschedulable"):
        yield {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
    for name, key in _PRESSURES.items():
        found = meta.condition(node, name)
        if found and found["status"] == "True":
            yield {"key": key, "effect": "NoSchedule"}
    ready = meta.condition(node, "Ready")
    status = ready["status"] if ready else "False"
    if status != "True":
        key = UNREACHABLE if status == "Unknown" else NOT_READY
        yield {"key": key, "effect": "NoSchedule"}
        if evict:
            yield {"key": key, "effect": "NoExecute"}


def plan_pods(node: Json, on_node: Sequence[Json], now: datetime) -> tuple[list[Operation], float | None]:
    """Pods of a node that is not ready are not ready; those that do not tolerate its NoExecute taints go.

    Also gives the seconds until the next one's toleration ends, None when there is none.
    """
    operations, waits = list[Operation](), list[float]()
    taints = [
        taint for taint in node.get("spec", {}).get("taints") or () if taint.get("effect") == "NoExecute"
    ]
    ready = meta.condition(node, "Ready")
    silent = ready is not None and ready["status"] != "True"
    for pod in on_node:
        if meta.is_going(pod) or pods.is_finished(pod):
            continue
        if silent and pods.is_ready(pod):
            operations.append(_not_ready(pod, now))
        end = tolerated_until(pod, taints)
        if end is None:
            continue
        if end <= now:
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            text = f"Marking for deletion Pod {namespace}/{name}"
            operations += [Happening(pod, NORMAL, "TaintManagerEviction", text), Delete(PODS, pod)]
        else:
            waits.append((end - now).total_seconds())
    return operations, min(waits, default=None)


def tolerated_until(pod: Json, taints: Iterable[Json]) -> datetime | None:
    """Until when the pod bears these taints; None is for ever. The shortest toleration of each taint counts.

    Where a taint has no time yet, nobody's toleration of it ends; plan_taints gives it one.
    """
    ends = list[datetime]()
    for taint in taints:
        fitting = [item for item in pod["spec"].get("tolerations") or () if _tolerates(item, taint)]
        since = meta.parse_time(taint["timeAdded"]) if taint.get("timeAdded") else None
        if not fitting:
            ends.append(since or datetime.min.replace(tzinfo=UTC))
            continue
        limits = [item["tolerationSeconds"] for item in fitting if item.get("tolerationSeconds") is not None]
        if limits and since:
            ends.append(since + timedelta(seconds=max(0, min(limits))))
    return min(ends, default=None)


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or toleration.get("value", "") == taint.get("value", "")


def _not_ready(pod: Json, now: datetime) -> Operation:
    condition = {**(meta.condition(pod, "Ready") or {}), "status": "False", "reason": "NodeNotReady"}
    conditions = meta.with_condition(pod["status"]["conditions"], condition, now)
    return Update(PODS, {**pod, "status": {**pod["status"], "conditions": conditions}}, "status")


def _identity(taint: Json) -> tuple[str, str]:
    return taint["key"], taint["effect"]


def _is_undated(taint: Json) -> bool:
    return taint.get("effect") == "NoExecute" and not taint.get("timeAdded")


def _dated(taint: Json, now: datetime) -> Json:
    return {**taint, "timeAdded": meta.format_time(now)}


def all_silent(nodes: Iterable[Json]) -> bool:
    """Whether not a single node is heard of: then it is rather us who are cut off, and nobody is evicted."""
    # With many nodes this is asked often, and the first node that is heard of answers it.
    empty = True
    for node in nodes:
        if (meta.condition(node, "Ready") or {}).get("status") != "Unknown":
            return False
        empty = False
    return not empty


class NodeLifecycle(Controller):
    """Reconciles nodes by ("", name), each at least every few seconds."""

    name = "node-lifecycle-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._beats: dict[str, Heartbeat] = {}
        self._nodes = self.follow(NODES)
        self._leases = self.informers.of(LEASES)
        self._pods = self.follow(PODS, _key_of_node, worth=_moved)
        self._pods.add_index("node", lambda pod: [pod["spec"].get("nodeName") or ""])

    async def reconcile(self, key: Key) -> float | None:
        """Status, then taints, then pods; the next look is at most five seconds away."""
        name = key[1]
        node = self._nodes.get(name)
        if node is None:
            self._beats.pop(name, None)
            return None
        now = self.now()
        beat = heartbeat(self._beats.get(name), node, self._leases.get(name, _LEASE_NAMESPACE), now)
        self._beats[name] = beat
        await self.executor.run(plan_status(node, beat, now))
        node = self._nodes.get(name) or node
        evict = not all_silent(self._nodes.all())
        await self.executor.run(plan_taints(node, now, evict=evict))
        node = self._nodes.get(name) or node
        operations, wait = plan_pods(node, self._pods.by_index("node", name), now)
        await self.executor.run(operations)
        return _LOOK_SECONDS if wait is None else min(wait, _LOOK_SECONDS)


def _key_of_node(pod: Json) -> list[Key]:
    node = pod["spec"].get("nodeName")
    return [("", node)] if node else []


def _moved(old: Json, new: Json) -> bool:
    return bool(old["spec"].get("nodeName") != new["spec"].get("nodeName"))
