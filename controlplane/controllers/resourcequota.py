# SPDX-License-Identifier: Apache-2.0
"""ResourceQuota: status.hard follows spec.hard, status.used what is really there.

Admission takes from status.used before an object is written. A recount in between does not see that object yet, and
must not give its place to another. So amounts go down only when nobody has taken anything for a while; up at once.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from controlplane.admission.amounts import highest, only, read, write
from controlplane.admission.quota.names import CLAIMS, PODS, SERVICES, ResourceName
from controlplane.admission.quota.recount import recount, tracked
from controlplane.controllers import discovery, meta
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.garbagecollector import only_metadata
from controlplane.controllers.operations import Operation, Update
from controlplane.controllers.pods import is_finished
from kube import kinds
from kube.kinds import RESOURCE_QUOTAS, Kind

Json = dict[str, Any]

# Seconds between a reservation and the write of its object, by far.
SETTLE: Final = 2.0
# A recount looks at all of a namespace (5,000 pods: a third of a second): not more often than this, and not for more
# than a part of the time.
_PAUSE_SECONDS: Final = 0.5
_PAUSE_FOR_WORK: Final = 20
# kube-controller-manager's --resource-quota-sync-period: pods whose grace is over make no event.
_AGAIN_SECONDS: Final = 300.0
_DISCOVERY_SECONDS: Final = 30.0
_LIST_SECONDS: Final = 20.0

# What is looked into to be counted; of every other kind the number is enough.
_WHOLE: Final[Mapping[ResourceName, Kind]] = {
    PODS: kinds.PODS,
    SERVICES: kinds.SERVICES,
    CLAIMS: kinds.PERSISTENT_VOLUME_CLAIMS,
}
# Admission never charges them.
_FREE: Final = frozenset({("", "events"), ("events.k8s.io", "events")})


def plan(quota: Json, counted: Json, *, settled: bool) -> list[Operation]:
    """Write the status that was counted, if it is another one; unless settled no amount goes down."""
    if meta.is_going(quota):
        return []
    old, status = quota.get("status") or {}, counted
    if not settled:
        before = only(read(old.get("used") or {}), counted["used"])
        status = {**counted, "used": write(highest(read(counted["used"]), before))}
    return [Update(RESOURCE_QUOTAS, {**quota, "status": status}, "status")] if status != old else []


def is_enforced(quota: Json) -> bool:
    """Whether its status says already what its spec asks for; until then it refuses everything or nothing."""
    hard = quota["spec"].get("hard") or {}
    return bool((quota.get("status") or {}).get("hard") == hard)


@dataclass(slots=True)
class _Seen:
    """A quota as of its last change, by the clock of this process; next_count: when it may be counted again."""

    version: str
    since: float
    next_count: float = 0.0


class ResourceQuotas(Controller):
    """Reconciles quotas by (namespace, name)."""

    name = "resourcequota-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._quotas = self.follow(RESOURCE_QUOTAS)
        self._quotas.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._kinds = dict[ResourceName, Kind]()
        self._followed = dict[ResourceName, Kind]()
        self._discovered = -_DISCOVERY_SECONDS
        self._seen = dict[Key, _Seen]()
        for resource, kind in _WHOLE.items():
            self._follow(resource, kind)

    async def reconcile(self, key: Key) -> float | None:
        """Count, and write what has changed."""
        namespace, name = key
        if (quota := self._quotas.get(name, namespace)) is None:
            self._seen.pop(key, None)
            return None
        now, seen = time.monotonic(), self._look(key, quota)
        if is_enforced(quota) and now < seen.next_count:
            return seen.next_count - now
        objects = await self._objects(namespace, tracked(quota))
        # The wait for a list may have been long.
        quota = self._quotas.get(name, namespace) or quota
        began = time.monotonic()
        settled = began >= self._look(key, quota).since + SETTLE
        counted = recount(quota, objects, self.now())
        now = time.monotonic()
        seen.next_count = now + max(_PAUSE_SECONDS, (now - began) * _PAUSE_FOR_WORK)
        await self.executor.run(plan(quota, counted, settled=settled))
        return _AGAIN_SECONDS if settled or not plan(quota, counted, settled=True) else SETTLE

    def _look(self, key: Key, quota: Json) -> _Seen:
        version = quota["metadata"]["resourceVersion"]
        seen = self._seen.setdefault(key, _Seen(version, time.monotonic()))
        if seen.version != version:
            seen.version, seen.since = version, time.monotonic()
        return seen

    async def _objects(
        self, namespace: str, resources: Iterable[ResourceName]
    ) -> dict[ResourceName, list[Json]]:
        wanted = set(resources) - _FREE
        if wanted - self._followed.keys():
            await self._discover()
        for resource in wanted & self._kinds.keys() - self._followed.keys():
            self._follow(resource, self._kinds[resource])
        found = {resource: self._followed[resource] for resource in wanted & self._followed.keys()}
        for kind in found.values():
            async with asyncio.timeout(_LIST_SECONDS):
                await self.informers.of(kind).synced.wait()
        return {
            resource: self.informers.of(kind).by_index("namespace", namespace)
            for resource, kind in found.items()
        }

    async def _discover(self) -> None:
        """Learn which kinds there are; a name in a quota that is none must not make us ask every time."""
        if time.monotonic() < self._discovered + _DISCOVERY_SECONDS:
            return
        self._discovered = time.monotonic()
        listed = await discovery.kinds(self.client, "list", "watch")
        self._kinds = {(kind.group, kind.plural): kind for kind in listed if kind.namespaced}

    def _follow(self, resource: ResourceName, kind: Kind) -> None:
        if resource not in _WHOLE:
            self.informers.of(kind, transform=only_metadata)
        informer = self.follow(kind, partial(self._keys_of, resource), worth=_WORTH.get(resource, _never))
        informer.add_index("namespace", lambda obj: [obj["metadata"].get("namespace", "")])
        self._followed[resource] = kind

    def _keys_of(self, resource: ResourceName, obj: Json) -> Iterable[Key]:
        namespace = obj["metadata"]["namespace"]
        for quota in self._quotas.by_index("namespace", namespace):
            if resource in tracked(quota):
                yield namespace, quota["metadata"]["name"]


def _never(old: Json, new: Json) -> bool:  # noqa: ARG001 - a number does not change by what is in an object
    return False


def _pod_counts_otherwise(old: Json, new: Json) -> bool:
    return (
        is_finished(old) != is_finished(new)
        or meta.is_going(old) != meta.is_going(new)
        or old["spec"] != new["spec"]
    )


_WORTH: Final = {
    PODS: _pod_counts_otherwise,
    SERVICES: lambda old, new: old["spec"] != new["spec"],
    CLAIMS: lambda old, new: (old["spec"], old.get("status")) != (new["spec"], new.get("status")),
}
