# SPDX-License-Identifier: Apache-2.0
"""How many pods a PodDisruptionBudget lets go."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers import budget as arithmetic
from controlplane.controllers.disruption import plan
from controlplane.controllers.operations import Update
from kube.events import Happening
from tests.unit.controllers.objects import NOW, at, going, metadata, pod, replicaset

Json = dict[str, Any]


def budget(status: Json | None = None, **spec: Any) -> Json:
    selector = {"selector": {"matchLabels": {"app": "web"}}}
    found = {"metadata": metadata("web", generation=3), "spec": {**selector, **spec}}
    return {**found, "status": status} if status is not None else found


def owned(replicas: int, ready: int, total: int | None = None) -> tuple[Json, list[Json]]:
    owner = replicaset(replicas=replicas)
    total = replicas if total is None else total
    return owner, [
        pod(f"p{number}", owner=owner, ready=0 if number < ready else None) for number in range(total)
    ]


def status_of(asked: Json, found: list[Json], *owners: Json) -> Json:
    by_uid = {owner["metadata"]["uid"]: owner for owner in owners}
    for operation in plan(asked, found, lambda reference: by_uid.get(reference["uid"]), NOW):
        if isinstance(operation, Update):
            assert operation.subresource == "status"
            status: Json = operation.obj["status"]
            return status
    raise AssertionError("nothing is written")


@pytest.mark.parametrize(
    ("spec", "replicas", "ready", "numbers"),
    [
        # expected, desired, healthy, allowed
        ({"minAvailable": 2}, 3, 3, (3, 2, 3, 1)),
        ({"minAvailable": 2}, 3, 1, (3, 2, 1, 0)),
        ({"minAvailable": 5}, 3, 3, (3, 5, 3, 0)),
        ({"minAvailable": 0}, 3, 3, (3, 0, 3, 3)),
        ({"minAvailable": "50%"}, 3, 3, (3, 2, 3, 1)),
        ({"minAvailable": "100%"}, 3, 3, (3, 3, 3, 0)),
        ({"maxUnavailable": 1}, 3, 3, (3, 2, 3, 1)),
        ({"maxUnavailable": 1}, 3, 2, (3, 2, 2, 0)),
        ({"maxUnavailable": "30%"}, 10, 10, (10, 7, 10, 3)),
        ({"maxUnavailable": "1%"}, 3, 3, (3, 2, 3, 1)),
        ({"maxUnavailable": 9}, 3, 3, (3, 0, 3, 3)),
        ({"maxUnavailable": 1}, 0, 0, (0, 0, 0, 0)),
        ({}, 3, 3, (3, 0, 3, 3)),
    ],
)
def test_numbers(spec: Json, replicas: int, ready: int, numbers: tuple[int, ...]) -> None:
    owner, found = owned(replicas, ready)
    status = status_of(budget(**spec), found, owner)
    names = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    assert tuple(status[name] for name in names) == numbers
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"]) == ("DisruptionAllowed", str(numbers[3] > 0))
    assert condition["reason"] == ("SufficientPods" if numbers[3] else "InsufficientPods")
    assert status["observedGeneration"] == 3


def test_sets_of_one_deployment_are_one_owner() -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("web"),
        "spec": {"replicas": 4},
    }
    sets = [replicaset(f"web-{number}", replicas=3) for number in range(2)]
    for item in sets:
        item["metadata"] = metadata(item["metadata"]["name"], owner=deployment)
    found = [pod(f"p{n}", owner=sets[n % 2], ready=0) for n in range(5)]
    status = status_of(budget(maxUnavailable="25%"), found, deployment, *sets)
    assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (4, 3, 2)


def test_what_nobody_can_count_lets_nothing_go_and_says_why() -> None:
    daemons = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata("logs")}
    found = [pod("p", owner=daemons, ready=0)]
    before = budget({"disruptionsAllowed": 1, "currentHealthy": 1}, maxUnavailable=1)
    status = status_of(before, found)
    assert (status["disruptionsAllowed"], status["currentHealthy"]) == (0, 1)
    assert status["conditions"][0]["reason"] == "SyncFailed"
    assert "DaemonSet logs does not implement the scale subresource" in status["conditions"][0]["message"]
    told = [each for each in plan(before, found, lambda _: None, NOW) if isinstance(each, Happening)]
    assert [each.reason for each in told] == ["CalculateExpectedPodCountFailed"]


def test_evictions_under_way_count_as_gone_until_they_take_too_long() -> None:
    owner, found = owned(4, 4)
    noted = {"p0": at(-10), "p1": at(-200), "gone": at(-10)}
    status = status_of(budget({"disruptedPods": noted}, minAvailable=2), found, owner)
    assert status["disruptedPods"] == {"p0": at(-10)}
    assert (status["currentHealthy"], status["disruptionsAllowed"]) == (3, 1)
    told = [
        each
        for each in plan(budget({"disruptedPods": noted}, minAvailable=2), found, lambda _: owner, NOW)
        if isinstance(each, Happening)
    ]
    assert [(each.reason, each.about["metadata"]["name"]) for each in told] == [("NotDeleted", "p1")]


def test_pods_that_go_and_pods_without_an_owner() -> None:
    owner, found = owned(3, 3)
    found[0] = going(found[0])
    assert status_of(budget(minAvailable=1), found, owner)["currentHealthy"] == 2
    loose = [pod("alone", ready=0)]
    operations = plan(budget(maxUnavailable=1), loose, lambda _: None, NOW)
    assert [each.reason for each in operations if isinstance(each, Happening)] == ["UnmanagedPods"]
    assert status_of(budget(maxUnavailable=1), loose)["disruptionsAllowed"] == 0
    assert status_of(budget(minAvailable=0), loose)["disruptionsAllowed"] == 1


def test_nothing_is_written_twice() -> None:
    owner, found = owned(3, 3)
    asked = budget(minAvailable=1)
    asked["status"] = status_of(asked, found, owner)
    assert plan(asked, found, lambda _: owner, NOW) == []
    assert plan(going(asked), [], lambda _: owner, NOW) == []


@given(
    st.one_of(st.integers(0, 12), st.integers(0, 100).map(lambda number: f"{number}%")),
    st.sampled_from(("minAvailable", "maxUnavailable")),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_what_may_go_never_breaks_the_budget(value: int | str, field: str, replicas: int, ready: int) -> None:
    _, found = owned(replicas, min(ready, replicas))
    status = arithmetic.status(budget(**{field: value}), found, replicas, {}, NOW)
    left = status["currentHealthy"] - status["disruptionsAllowed"]
    assert status["disruptionsAllowed"] == 0 or left >= status["desiredHealthy"]
    assert 0 <= status["disruptionsAllowed"] <= status["currentHealthy"]
