# SPDX-License-Identifier: Apache-2.0
"""Namespaces that go away: everything in them is deleted, then the finalizer "kubernetes" is taken off."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from controlplane.controllers import discovery, meta
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Operation, Update
from kube.errors import ApiStatusError
from kube.kinds import EVENTS, NAMESPACES, PODS, Kind

Json = dict[str, Any]

FINALIZER: Final = "kubernetes"
# While something remains, the next look is so far away.
_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a namespace: how many objects of each kind remain, their finalizers, and what went wrong."""

    remaining: Mapping[Kind, int]
    finalizers: Mapping[str, int]
    failures: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left, and that is certain."""
        return not self.remaining and not self.failures


def plan(namespace: Json, content: Content, now: datetime) -> list[Operation]:
    """Take the finalizer off when the namespace is empty; tell in its conditions what it waits for until then."""
    if not meta.is_going(namespace):
        return []
    spec = namespace.get("spec", {})
    finalizers = spec.get("finalizers") or []
    if content.is_empty:
        kept = [item for item in finalizers if item != FINALIZER]
        return (
            []
            if kept == finalizers
            else [Update(NAMESPACES, {**namespace, "spec": {**spec, "finalizers": kept}}, "finalize")]
        )
    conditions = namespace.get("status", {}).get("conditions") or []
    for condition in _conditions(content):
        conditions = meta.with_condition(conditions, condition, now)
    status = {**namespace.get("status", {}), "phase": "Terminating", "conditions": conditions}
    return (
        []
        if status == namespace.get("status")
        else [Update(NAMESPACES, {**namespace, "status": status}, "status")]
    )


def order(found: Iterable[Kind]) -> list[Kind]:
    """Pods first, for they take the longest; Events last, for the others' end makes more of them."""
    return sorted(found, key=lambda kind: (kind == EVENTS, kind != PODS, str(kind)))


def _conditions(content: Content) -> Iterable[Json]:
    remaining = ", ".join(
        f"{kind} has {count} resource instances"
        for kind, count in sorted(content.remaining.items(), key=lambda item: str(item[0]))
    )
    held = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(content.finalizers.items())
    )
    yield _condition(
        "NamespaceDeletionContentFailure",
        "; ".join(content.failures),
        (
            "ContentDeletionFailed",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
    )
    yield _condition(
        "NamespaceContentRemaining",
        f"Some resources are remaining: {remaining}" if remaining else "",
        ("SomeResourcesRemain", "ContentRemoved", "All content successfully removed"),
    )
    yield _condition(
        "NamespaceFinalizersRemaining",
        f"Some content in the namespace has finalizers remaining: {held}" if held else "",
        ("SomeFinalizersRemain", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
    )


def _condition(type: str, trouble: str, words: tuple[str, str, str]) -> Json:  # noqa: A002 - the field's name
    bad, good, all_well = words
    return {
        "type": type,
        "status": "True" if trouble else "False",
        "reason": bad if trouble else good,
        "message": trouble or all_well,
    }


class Namespaces(Controller):
    """Reconciles namespaces by ("", name)."""

    name = "namespace-controller"
    workers = 4

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._namespaces = self.follow(NAMESPACES)

    async def reconcile(self, key: Key) -> float | None:
        """Empty a namespace that goes away."""
        namespace = self._namespaces.get(key[1])
        if namespace is None or not meta.is_going(namespace):
            return None
        content = await self._empty(key[1])
        await self.executor.run(plan(self._namespaces.get(key[1]) or namespace, content, self.now()))
        return None if content.is_empty else _AGAIN_SECONDS

    async def _empty(self, name: str) -> Content:
        remaining, finalizers, failures = dict[Kind, int](), dict[str, int](), list[str]()
        # Asked anew each time: kinds may have come, and one that is overlooked would be left behind for ever.
        for kind in order(await discovery.kinds(self.client, "list", "delete")):
            if not kind.namespaced:
                continue
            try:
                items = await self._empty_kind(kind, name)
            except ApiStatusError as error:
                failures.append(f"cannot delete {kind}: {error}")
                continue
            if items:
                remaining[kind] = len(items)
            for finalizer in (text for item in items for text in item["metadata"].get("finalizers") or ()):
                finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
        return Content(remaining, finalizers, tuple(failures))

    async def _empty_kind(self, kind: Kind, namespace: str) -> list[Json]:
        """Delete all objects of the kind; gives those that are still there."""
        items: list[Json] = (await self.client.list(kind, namespace))["items"]
        if any(not meta.is_going(item) for item in items):
            await self.client.delete_collection(kind, namespace, propagation="Background")
            items = (await self.client.list(kind, namespace))["items"]
        return items
