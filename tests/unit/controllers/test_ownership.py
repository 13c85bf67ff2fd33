# SPDX-License-Identifier: Apache-2.0
import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers import meta
from controlplane.controllers.operations import Delete, Operation, Patch
from controlplane.controllers.ownership import (
    FOREGROUND,
    ORPHAN,
    Owner,
    concerns,
    plan,
    references,
    waits_for_dependents,
)
from kube.kinds import PODS
from tests.unit.controllers.objects import at, metadata

Json = dict[str, Any]


def obj(name: str, *owners: str, blocking: bool = True, **more: Any) -> Json:
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata(name, uid=f"u-{name}"), **more}}
    if owners:
        made["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": owner,
                "uid": f"u-{owner}",
                "blockOwnerDeletion": blocking,
            }
            for owner in owners
        ]
    return made


def going(made: Json, *finalizers: str) -> Json:
    return {
        **made,
        "metadata": {**made["metadata"], "deletionTimestamp": at(0), "finalizers": list(finalizers)},
    }


THERE, GONE, WAITING, UNKNOWN = Owner.THERE, Owner.GONE, Owner.WAITING, Owner.UNKNOWN


@pytest.mark.parametrize(
    ("owners", "kept"),
    [
        ({"u-a": THERE, "u-b": THERE}, None),
        ({"u-a": THERE, "u-b": GONE}, ["u-a"]),
        ({"u-a": WAITING, "u-b": THERE}, ["u-b"]),
        ({"u-a": UNKNOWN, "u-b": GONE}, ["u-a"]),
    ],
)
def test_an_object_with_an_owner_stays_and_loses_those_that_are_gone(
    owners: dict[str, Owner], kept: list[str] | None
) -> None:
    operations = plan(PODS, obj("x", "a", "b"), owners, [])
    if kept is None:
        assert operations == []
        return
    (patch,) = operations
    assert isinstance(patch, Patch)
    assert [item["uid"] for item in patch.patch["metadata"]["ownerReferences"]] == kept


def test_an_object_without_any_owner_left_goes() -> None:
    (gone,) = plan(PODS, obj("x", "a", "b"), {"u-a": GONE, "u-b": GONE}, [])
    assert isinstance(gone, Delete)
    assert (gone.propagation, gone.only_if_unchanged) == ("Background", True)
    (held,) = plan(PODS, obj("x", "a", finalizers=[ORPHAN]), {"u-a": GONE}, [])
    assert isinstance(held, Delete)
    assert held.propagation == "Orphan"


def test_foreground_goes_down_the_tree_and_up_again() -> None:
    (down,) = plan(PODS, obj("x", "a"), {"u-a": WAITING}, [(PODS, obj("leaf", "x"))])
    assert isinstance(down, Delete)
    assert down.propagation == "Foreground"
    (leaf,) = plan(PODS, obj("leaf", "x"), {"u-x": WAITING}, [])
    assert isinstance(leaf, Delete)
    assert leaf.propagation == "Background"
    waiting = going(obj("x"), FOREGROUND, "other")
    assert plan(PODS, waiting, {}, [(PODS, obj("leaf", "x"))]) == []
    (done,) = plan(PODS, waiting, {}, [(PODS, obj("leaf", "x", blocking=False))])
    assert isinstance(done, Patch)
    assert done.patch["metadata"]["finalizers"] == ["other"]


def test_orphans_are_freed_before_the_owner_goes() -> None:
    freed, done = plan(PODS, going(obj("x"), ORPHAN), {}, [(PODS, obj("leaf", "x", "y"))])
    assert isinstance(freed, Patch)
    assert isinstance(done, Patch)
    assert [item["uid"] for item in freed.patch["metadata"]["ownerReferences"]] == ["u-y"]
    assert done.patch["metadata"]["finalizers"] is None


class Graph:
    """Objects with owners, and an API server's deletion of them."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.freed: set[str] = set()

    def delete(self, name: str, propagation: str) -> None:
        found = self.objects.get(name)
        if found is None:
            return
        finalizer = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(propagation)
        if finalizer:
            present = found["metadata"].get("finalizers") or []
            self.objects[name] = going(found, *{*present, finalizer})
        else:
            del self.objects[name]

    def apply(self, operation: Operation) -> None:
        match operation:
            case Delete(_, target, propagation=propagation):
                name = target["metadata"]["name"]
                if name not in self.freed:
                    owners = references(self.objects[name])
                    alive = [item for item in owners if self.standing(item["uid"]) is Owner.THERE]
                    assert owners, f"{name} has no owner and was deleted"
                    assert not alive, f"{name} is owned by {alive} and was deleted"
                self.delete(name, propagation)
            case Patch(_, name, _, patch) if name in self.objects:
                found = copy.deepcopy(self.objects[name])
                for key, value in patch["metadata"].items():
                    if value is None:
                        found["metadata"].pop(key, None)
                    else:
                        found["metadata"][key] = value
                if not references(found) and references(self.objects[name]):
                    self.freed.add(name)
                if meta.is_going(found) and not found["metadata"].get("finalizers"):
                    del self.objects[name]
                else:
                    self.objects[name] = found

    def standing(self, uid: str) -> Owner:
        found = self.objects.get(uid.removeprefix("u-"))
        if found is None:
            return Owner.GONE
        return Owner.WAITING if waits_for_dependents(found) else Owner.THERE

    def step(self, name: str) -> bool:
        found = self.objects[name]
        if not concerns(found):
            return False
        uid = found["metadata"]["uid"]
        owners = {item["uid"]: self.standing(item["uid"]) for item in references(found)}
        dependents = [
            (PODS, item)
            for item in self.objects.values()
            if any(ref["uid"] == uid for ref in references(item))
        ]
        operations = plan(PODS, found, owners, dependents)
        for operation in operations:
            self.apply(operation)
        return bool(operations)


@given(st.integers(0, 100_000))
def test_random_graphs_leave_no_orphan_and_lose_nothing_that_is_owned(seed: int) -> None:
    chance = random.Random(seed)
    graph = Graph()
    names = [f"o{number}" for number in range(14)]
    for index, name in enumerate(names):
        # Owners are older, but for a few circles.
        pool = names if chance.random() < 0.1 else names[:index]
        owners = {chance.choice(pool) for _ in range(chance.choice([0, 1, 1, 2]))} - {name} if pool else set()
        graph.objects[name] = obj(name, *sorted(owners), blocking=chance.random() < 0.7)
    for _ in range(5):
        victim = chance.choice(names)
        propagation = chance.choice(["Background", "Foreground", "Orphan"])
        target = graph.objects.get(victim)
        if target is not None and not meta.is_going(target):
            graph.delete(victim, propagation)
        for _ in range(chance.randrange(10)):
            if graph.objects:
                graph.step(chance.choice(list(graph.objects)))
    for _ in range(200):
        busy = [graph.step(name) for name in list(graph.objects) if name in graph.objects]
        if not any(busy):
            break
    else:
        raise AssertionError("it does not come to rest")
    for name, item in graph.objects.items():
        owners = references(item)
        assert not owners or any(graph.standing(ref["uid"]) is not Owner.GONE for ref in owners), (
            f"{name} is an orphan"
        )
        assert not meta.is_going(item), f"{name} waits for ever"
