# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest

from controlplane.controllers import meta
from controlplane.controllers.nodelifecycle import (
    GRACE_SECONDS,
    all_silent,
    heartbeat,
    plan_pods,
    plan_status,
    plan_taints,
    tolerated_until,
)
from controlplane.controllers.operations import Delete, Patch, Update
from controlplane.controllers.podgc import plan as plan_podgc
from tests.unit.controllers.objects import NOW, at, going, metadata, node, pod

Json = dict[str, Any]


def lease(renewed: str) -> Json:
    return {"metadata": metadata("n1", "kube-node-lease"), "spec": {"renewTime": renewed}}


def with_ready(status: str, **more: Any) -> Json:
    made = node("n1")
    made["status"]["conditions"] = [{"type": "Ready", "status": status, "reason": "KubeletReady"}]
    made["spec"] = more
    return made


def keys(made: Json, *, evict: bool = True) -> list[tuple[str, str]] | None:
    operations = plan_taints(made, NOW, evict=evict)
    if not operations:
        return None
    (patch,) = operations
    assert isinstance(patch, Patch)
    return [
        (taint["key"].rpartition("/")[2], taint["effect"]) for taint in patch.patch["spec"]["taints"] or ()
    ]


def test_a_silent_node_becomes_unknown_after_its_grace_by_our_own_clock() -> None:
    made = with_ready("True")
    # What the Lease says is years away from our clock, which must not matter.
    first = heartbeat(None, made, lease("2001-01-01T00:00:00.000000Z"), NOW)
    later = NOW + timedelta(seconds=GRACE_SECONDS - 1)
    same = heartbeat(first, made, lease("2001-01-01T00:00:00.000000Z"), later)
    assert plan_status(made, same, later) == []
    renewed = heartbeat(same, made, lease("2001-01-01T00:00:10.000000Z"), later)
    assert plan_status(made, renewed, NOW + timedelta(seconds=GRACE_SECONDS + 1)) == []
    update, told = plan_status(made, same, NOW + timedelta(seconds=GRACE_SECONDS))
    assert isinstance(update, Update)
    found = meta.condition(update.obj, "Ready")
    assert found is not None
    assert (found["status"], found["reason"]) == ("Unknown", "NodeStatusUnknown")
    assert update.subresource == "status"
    assert "NodeNotReady" in str(told)
    silent = heartbeat(same, update.obj, lease("2001-01-01T00:00:00.000000Z"), later)
    assert plan_status(update.obj, silent, NOW + timedelta(days=1)) == []


def test_a_node_that_never_reported_becomes_unknown_too() -> None:
    made = node("n1")
    made["status"] = {}
    beat = heartbeat(None, made, None, NOW)
    (update, _) = plan_status(made, beat, NOW + timedelta(seconds=60))
    assert isinstance(update, Update)
    found = meta.condition(update.obj, "Ready")
    assert found is not None
    assert found["reason"] == "NodeStatusNeverUpdated"


@pytest.mark.parametrize(
    ("made", "taints"),
    [
        (with_ready("True"), None),
        (with_ready("False"), [("not-ready", "NoSchedule"), ("not-ready", "NoExecute")]),
        (with_ready("Unknown"), [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]),
        (with_ready("True", unschedulable=True), [("unschedulable", "NoSchedule")]),
        (
            with_ready("True", taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]),
            [],
        ),
        (
            with_ready("True", unschedulable=True, taints=[{"key": "mine", "effect": "NoSchedule"}]),
            [("mine", "NoSchedule"), ("unschedulable", "NoSchedule")],
        ),
    ],
)
def test_taints_follow_conditions_and_leave_those_of_others(
    made: Json, taints: list[tuple[str, str]] | None
) -> None:
    assert keys(made) == taints


def test_pressure_keeps_new_pods_away() -> None:
    made = with_ready("True")
    made["status"]["conditions"].append({"type": "DiskPressure", "status": "True"})
    assert keys(made) == [("disk-pressure", "NoSchedule")]


def test_nobody_is_evicted_while_we_hear_of_no_node_at_all() -> None:
    assert keys(with_ready("Unknown"), evict=False) == [("unreachable", "NoSchedule")]
    assert all_silent([with_ready("Unknown"), with_ready("Unknown")])
    assert not all_silent([with_ready("Unknown"), with_ready("False")])
    assert not all_silent([])


def test_a_taint_keeps_its_time_while_others_come() -> None:
    made = with_ready(
        "False", taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": at(-90)}]
    )
    (patch,) = plan_taints(made, NOW, evict=True)
    assert isinstance(patch, Patch)
    times = {taint["effect"]: taint["timeAdded"] for taint in patch.patch["spec"]["taints"]}
    assert times == {"NoExecute": at(-90), "NoSchedule": at(0)}


def test_a_taint_by_hand_gets_the_time_from_which_its_toleration_counts() -> None:
    by_hand = [
        {"key": "broken", "value": "yes", "effect": "NoExecute"},
        {"key": "slow", "effect": "NoSchedule"},
    ]
    made = with_ready("True", taints=by_hand)
    patient = pod("a", node="n1", tolerations=[{"key": "broken", "value": "yes", "tolerationSeconds": 60}])
    assert plan_pods(made, [patient], NOW) == ([], None)
    (patch,) = plan_taints(made, NOW, evict=True)
    assert isinstance(patch, Patch)
    taints = patch.patch["spec"]["taints"]
    assert taints == [{**by_hand[0], "timeAdded": at(0)}, by_hand[1]]
    dated = with_ready("True", taints=taints)
    assert plan_taints(dated, NOW + timedelta(days=1), evict=True) == []
    assert plan_pods(dated, [patient], NOW) == ([], 60)
    (_, gone), _ = plan_pods(dated, [patient], NOW + timedelta(seconds=60))
    assert isinstance(gone, Delete)
    (_, at_once), _ = plan_pods(made, [pod("b", node="n1")], NOW)
    assert isinstance(at_once, Delete)


TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": at(-100)}


def tolerating(*tolerations: Json) -> Json:
    return pod("a", node="n1", ready=-500, tolerations=list(tolerations))


@pytest.mark.parametrize(
    ("tolerations", "until"),
    [
        ([], -100),
        ([{"operator": "Exists"}], None),
        ([{"key": TAINT["key"], "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}], 200),
        ([{"key": TAINT["key"], "operator": "Exists", "tolerationSeconds": 0}], -100),
        ([{"key": TAINT["key"], "operator": "Exists", "effect": "NoSchedule"}], -100),
        (
            [
                {"key": TAINT["key"], "operator": "Exists", "tolerationSeconds": 300},
                {"operator": "Exists", "tolerationSeconds": 50},
            ],
            -50,
        ),
    ],
)
def test_how_long_a_pod_bears_a_taint(tolerations: list[Json], until: int | None) -> None:
    end = tolerated_until(tolerating(*tolerations), [TAINT])
    assert end == (None if until is None else NOW + timedelta(seconds=until))


def test_pods_of_a_node_that_is_not_ready() -> None:
    made = with_ready("False", taints=[TAINT])
    patient = tolerating({"operator": "Exists", "tolerationSeconds": 160})
    impatient = pod("b", node="n1")
    operations, wait = plan_pods(made, [patient, impatient, going(pod("c", node="n1"))], NOW)
    assert wait == 60
    unready, told, deleted = operations
    assert isinstance(unready, Update)
    found = meta.condition(unready.obj, "Ready")
    assert found is not None
    assert (found["status"], found["lastTransitionTime"]) == ("False", at(0))
    assert isinstance(deleted, Delete)
    assert deleted.obj is impatient
    assert "Marking for deletion Pod default/b" in str(told)
    assert plan_pods(with_ready("True"), [patient, impatient], NOW) == ([], None)


def test_pods_that_nobody_would_remove() -> None:
    lost, kept, unplaced = pod("a", node="gone"), pod("b", node="n1"), going(pod("c"))
    finished = [pod(f"f{number}", node="n1", phase="Succeeded") for number in range(4)]
    for number, item in enumerate(finished):
        item["metadata"]["creationTimestamp"] = at(number)
    operations = plan_podgc([lost, kept, unplaced, *finished], {"gone"}, threshold=2)
    removed = [operation.obj["metadata"]["name"] for operation in operations if isinstance(operation, Delete)]
    assert removed == ["a", "c", "f0", "f1"]
    assert all(operation.grace_seconds == 0 for operation in operations if isinstance(operation, Delete))
