# SPDX-License-Identifier: Apache-2.0
"""The subresource eviction of pods: a delete that PodDisruptionBudgets have a word in."""

from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import msgspec
from lightkube.models import policy_v1

from controlplane.auth.aggregate import selects
from controlplane.engine import Engine
from controlplane.errors import ApiError, Cause, bad_request
from controlplane.registry.data import look, mapping
from controlplane.registry.resource import Resource
from controlplane.store.errors import ConflictError
from controlplane.store.interface import Record
from controlplane.verbs.binding import DONE
from controlplane.verbs.call import Call
from controlplane.verbs.delete import delete
from controlplane.verbs.deletion_options import parse_delete_options
from controlplane.verbs.errors import store_refusals
from controlplane.verbs.get import get
from controlplane.verbs.intake import take_in
from controlplane.verbs.metadata import timestamp
from controlplane.verbs.modify import RETRIES
from controlplane.verbs.stored import encode
from controlplane.verbs.subresources import Special

Json = dict[str, Any]

_EVICTION: Final = Resource("policy", "v1", "Eviction", "evictions", policy_v1.Eviction)
_ENDED: Final = ("Succeeded", "Failed")
# As in kube-apiserver: a budget that has let so many go waits for its controller.
_MOST_DISRUPTED: Final = 2000


async def evict(engine: Engine, call: Call, body: Any) -> Json:
    """POST pods/NAME/eviction. Raises ApiError 404, and 429 when a budget does not allow it now."""
    eviction = take_in(replace(call, resource=_EVICTION), body)
    if eviction["metadata"].get("name", call.name) != call.name:
        raise bad_request(f"the name of the Eviction has to be {call.name}, as in the URL")
    options = parse_delete_options(eviction.get("deleteOptions"), {})
    dry_run = options.dry_run or call.options.dry_run
    asked = replace(call, options=replace(call.options, dry_run=dry_run), subresource=None)
    pod = (await get(engine, asked)).in_storage_version()
    if not _goes_freely(pod):
        await _take_from_budget(engine, asked, pod)
    await delete(engine, asked, replace(options, dry_run=dry_run))
    return DONE


def _goes_freely(pod: Json) -> bool:
    """A pod that has ended, is on its way out or never started disrupts nobody."""
    return (
        look(pod, "status", "phase") in (*_ENDED, "Pending")
        or look(pod, "metadata", "deletionTimestamp") is not None
    )


async def _take_from_budget(engine: Engine, call: Call, pod: Json) -> None:
    for _ in range(RETRIES):
        budgets = await _budgets(engine, call, pod)
        if not budgets:
            return
        if len(budgets) > 1:
            raise ApiError(
                500,
                "InternalError",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            )
        record, budget = budgets[0]
        if not _is_ready(pod) and _lets_unready_go(budget):
            return
        try:
            await _count(engine, call, record, budget)
        except ConflictError:
            continue
        return
    raise _not_now("too many requests change the budget; try again")


async def _budgets(engine: Engine, call: Call, pod: Json) -> list[tuple[Record, Json]]:
    resource = engine.registry.preferred("policy", "poddisruptionbudgets")
    if resource is None:
        return []
    with store_refusals():
        page = await engine.store.list(resource.key(call.namespace, ""))
    found = [(record, msgspec.json.decode(record.value)) for record in page.records]
    labels = mapping(pod, "metadata", "labels")
    return [
        (record, budget) for record, budget in found if selects(mapping(budget, "spec", "selector"), labels)
    ]


async def _count(engine: Engine, call: Call, record: Record, budget: Json) -> None:
    """One disruption less is allowed; the controller sees in disruptedPods that this pod is going."""
    status = mapping(budget, "status")
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _not_now("The disruption budget is still being processed by the server.", retry=10)
    allowed, name = status.get("disruptionsAllowed", 0), budget["metadata"]["name"]
    if allowed <= 0:
        needed, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        why = f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
        raise _not_now("Cannot evict pod as it would violate the pod's disruption budget.", cause=why)
    if len(status.get("disruptedPods") or {}) > _MOST_DISRUPTED:
        raise _not_now("too many evictions have not been confirmed by the disruption controller")
    if call.options.dry_run:
        return
    changed = deepcopy(budget)
    gone = {**(status.get("disruptedPods") or {}), call.name: timestamp(engine.now())}
    changed["status"] = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": gone}
    with store_refusals():
        await engine.store.update(record.key, encode(changed), expected=record.mod_revision)


def _lets_unready_go(budget: Json) -> bool:
    """A pod that serves nobody is not missed: by AlwaysAllow never, else while the others are enough."""
    if look(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = mapping(budget, "status")
    needed = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= needed > 0)


def _is_ready(pod: Json) -> bool:
    conditions = look(pod, "status", "conditions", default=[])
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _not_now(message: str, *, cause: str = "", retry: int = 0) -> ApiError:
    causes = (Cause("DisruptionBudget", cause),) if cause else ()
    return ApiError(429, "TooManyRequests", message, causes=causes, retry_after=retry)


EVICTION = Special(create=evict)
