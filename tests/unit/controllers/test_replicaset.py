# SPDX-License-Identifier: Apache-2.0
import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers import meta, pods
from controlplane.controllers.controller import Shared
from controlplane.controllers.operations import Create, Delete
from controlplane.controllers.replicaset import BURST, ReplicaSets, plan, seconds_to_available, status
from kube.client import Client
from kube.informer import Informers
from kube.kinds import PODS, REPLICA_SETS
from kube.selector import from_object
from tests.support.eventually import eventually, in_background
from tests.support.fake_kube_api import FakeApi, serving
from tests.unit.controllers.objects import NOW, at, going, pod, replicaset

Json = dict[str, Any]


def test_missing_pods_are_made_from_the_template() -> None:
    owner = replicaset(replicas=2)
    operations = plan(owner, [], {})
    assert len(operations) == 2
    (first, _) = operations
    assert isinstance(first, Create)
    assert first.obj["metadata"]["generateName"] == "web-"
    assert first.obj["metadata"]["labels"] == {"app": "web"}
    assert meta.controller_of(first.obj) == meta.controller_reference(owner, REPLICA_SETS)
    assert first.obj["spec"] == owner["spec"]["template"]["spec"]


def test_what_is_finished_or_going_is_replaced_and_a_set_that_goes_makes_nothing() -> None:
    owner = replicaset(replicas=3)
    owned = [pod("a", owner=owner, phase="Failed"), going(pod("b", owner=owner)), pod("c", owner=owner)]
    assert [type(operation) for operation in plan(owner, owned, {})] == [Create, Create]
    assert plan(going(owner), owned, {}) == []


def test_a_huge_change_is_made_in_bursts() -> None:
    assert len(plan(replicaset(replicas=10_000), [], {})) == BURST


KEPT_ORDER: list[tuple[str, Json, Json]] = [
    ("unscheduled first", pod("a"), pod("b", node="n1")),
    ("pending before running", pod("a", node="n1"), pod("b", node="n1", phase="Running")),
    ("not ready before ready", pod("a", node="n1", phase="Running"), pod("b", node="n1", ready=-5)),
    ("just ready before long ready", pod("a", node="n1", ready=-5), pod("b", node="n1", ready=-50)),
    ("where siblings are", pod("a", node="crowded", ready=-50), pod("b", node="n1", ready=-5)),
]


@pytest.mark.parametrize(
    ("victim", "kept"), [row[1:] for row in KEPT_ORDER], ids=[row[0] for row in KEPT_ORDER]
)
def test_which_pod_is_removed(victim: Json, kept: Json) -> None:
    for owned in ([victim, kept], [kept, victim]):
        (operation,) = plan(replicaset(replicas=1), owned, {"crowded": 3, "n1": 1})
        assert isinstance(operation, Delete)
        assert operation.obj["metadata"]["name"] == "a"


def test_deletion_cost_and_restarts_count() -> None:
    cheap, dear = pod("a", node="n1", ready=-50), pod("b", node="n1", ready=-5)
    dear["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": "10"}
    (operation,) = plan(replicaset(replicas=1), [dear, cheap], {})
    assert isinstance(operation, Delete)
    assert operation.obj is cheap
    calm, restarted = pod("a", node="n1", ready=-5), pod("b", node="n1", ready=-5)
    restarted["status"]["containerStatuses"] = [{"restartCount": 4}]
    (operation,) = plan(replicaset(replicas=1), [calm, restarted], {})
    assert isinstance(operation, Delete)
    assert operation.obj is restarted


def test_status_counts_and_waits_for_min_ready_seconds() -> None:
    owner = replicaset(minReadySeconds=10)
    owned = [
        pod("a", ready=-60),
        pod("b", ready=-4),
        pod("c", labels={"app": "web", "x": "y"}),
        pod("d", phase="Failed"),
    ]
    assert status(owner, owned, None, NOW) == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "observedGeneration": 1,
    }
    assert seconds_to_available(owner, owned, NOW) == 6


def test_a_failure_is_a_condition_until_it_is_over() -> None:
    owner = replicaset()
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
    owner["status"] = status(owner, [], failure, NOW)
    assert owner["status"]["conditions"] == [{**failure, "lastTransitionTime": at(0)}]
    # The next try tells of another pod: a write for that would wake the controller, for ever.
    assert status(owner, [], {**failure, "message": "another pod"}, NOW) == owner["status"]
    assert "conditions" not in status(owner, [], None, NOW)


def test_claims() -> None:
    owner, other = replicaset("web"), replicaset("db")
    ours, wrong = pod("ours", owner=owner), pod("wrong", owner=owner, labels={"app": "db"})
    orphan, stranger, theirs = pod("orphan"), pod("stranger", labels={}), pod("theirs", owner=other)
    found = meta.claims(
        owner,
        from_object(owner["spec"]["selector"]),
        [ours, wrong, orphan, stranger, theirs, going(pod("x"))],
    )
    assert (found.owned, found.adopt, found.release) == ((ours,), (orphan,), (wrong,))
    assert meta.claims(going(owner), from_object(owner["spec"]["selector"]), [orphan]).adopt == ()
    patch = meta.release(owner, PODS, wrong).patch["metadata"]
    assert patch["ownerReferences"] is None
    assert patch["resourceVersion"] == wrong["metadata"]["resourceVersion"]


POD_STATES = st.builds(
    lambda number, phase, gone, ready, node: (going if gone else dict)(
        pod(f"p{number}", phase=phase, ready=ready, node=node)
    ),
    st.integers(0, 999),
    st.sampled_from(["Pending", "Running", "Failed", "Succeeded", "Unknown"]),
    st.booleans(),
    st.sampled_from([None, -100, -1]),
    st.sampled_from(["", "n1", "n2"]),
)


@given(st.integers(0, 12), st.lists(POD_STATES, max_size=15))
def test_one_plan_reaches_the_number_and_never_touches_what_is_not_active(
    wanted: int, owned: list[Json]
) -> None:
    owner = replicaset(replicas=wanted)
    operations = plan(owner, owned, {"n1": 2})
    removed = [operation.obj for operation in operations if isinstance(operation, Delete)]
    made = [operation for operation in operations if isinstance(operation, Create)]
    assert all(pods.is_active(obj) for obj in removed)
    active = sum(map(pods.is_active, owned))
    assert active + len(made) - len(removed) == wanted
    assert not (made and removed)
    if removed:
        kept = [obj for obj in owned if pods.is_active(obj) and obj not in removed]
        assert not any(pods.is_ready(obj) for obj in removed) or all(
            bool(obj["spec"].get("nodeName")) or not any(item["spec"].get("nodeName") for item in removed)
            for obj in kept
        )


async def run(api: FakeApi, client: Client) -> Any:
    """A controller that runs; ask its queue."""
    informers = Informers(client)
    controller = ReplicaSets(Shared(client, informers))
    return informers, controller


def of(api: FakeApi, collection: str) -> list[Json]:
    return [obj for key, obj in api.objects.items() if key[0] == collection]


def test_a_set_gets_its_pods_replaces_lost_ones_and_shrinks() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            owner = await api.put("replicasets", {**replicaset(replicas=30), "status": {}})
            informers, controller = await run(api, client)
            async with in_background(informers.run(), controller.run()):
                stored = lambda: api.objects["replicasets", "default", "web"]  # noqa: E731
                await eventually(lambda: stored()["status"].get("replicas") == 30)
                assert len(of(api, "pods")) == 30
                for obj in of(api, "pods")[:5]:
                    await api.remove("pods", "default", obj["metadata"]["name"])
                await eventually(lambda: len(of(api, "pods")) == 30 and controller.queue.idle)
                await api.put("replicasets", {**stored(), "spec": {**owner["spec"], "replicas": 4}})
                await eventually(
                    lambda: stored()["status"].get("replicas") == 4 and len(of(api, "pods")) == 4
                )
            posts = [line for line in api.requests if line.startswith("POST") and "/pods" in line]
            assert len(posts) == 35, "no pod more than needed was ever made"

    asyncio.run(main())


def test_orphans_are_adopted_and_what_does_not_match_is_released() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            owner = await api.put("replicasets", {**replicaset(replicas=1), "status": {}})
            await api.put("pods", pod("orphan"))
            await api.put("pods", pod("wrong", owner=owner, labels={"app": "db"}))
            informers, controller = await run(api, client)
            async with in_background(informers.run(), controller.run()):
                managed = lambda name: meta.controller_uids(api.objects["pods", "default", name])  # noqa: E731
                await eventually(lambda: managed("orphan") == [owner["metadata"]["uid"]])
                await eventually(lambda: managed("wrong") == [])
                await eventually(lambda: controller.queue.idle)
            assert len(of(api, "pods")) == 2

    asyncio.run(main())


def test_refusals_are_tried_slowly_told_and_overcome() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("replicasets", {**replicaset(replicas=64), "status": {}})
            api.forbidden = "POST /api/v1/namespaces/default/pods"
            informers, controller = await run(api, client)
            async with in_background(informers.run(), controller.run()):
                stored = lambda: api.objects["replicasets", "default", "web"]  # noqa: E731
                await eventually(lambda: meta.condition(stored(), "ReplicaFailure"))
                failure = meta.condition(stored(), "ReplicaFailure")
                assert failure is not None
                assert (failure["reason"], failure["message"]) == ("FailedCreate", "forbidden by the test")
                tries = [line for line in api.requests if line.startswith(api.forbidden)]
                assert len(tries) < 10, "one try a round while all of them fail"
                api.forbidden = ""
                await eventually(lambda: len(of(api, "pods")) == 64)
                await eventually(lambda: not meta.condition(stored(), "ReplicaFailure"))
                await controller.recorder.flushed()
            reasons = {obj["reason"] for obj in of(api, "events")}
            assert reasons == {"SuccessfulCreate", "FailedCreate"}

    asyncio.run(main())
