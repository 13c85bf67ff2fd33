# SPDX-License-Identifier: Apache-2.0
"""The patch of a pod's status against the API server's own strategic merge: it arrives at what is wanted, and rests."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1

from agent.api.status_patch import as_data, difference, settle
from controlplane.patch.strategic import apply_strategic_patch
from kube.schema import schema_of

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
EARLIER = "2026-01-01T00:00:00Z"
KINDS = ("Ready", "ContainersReady", "PodResizePending", "example.com/gate")


def merged(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = apply_strategic_patch(schema_of(core_v1.PodStatus), current, patch)
    return found


def statuses(own: bool) -> st.SearchStrategy[dict[str, Any]]:
    kinds = KINDS[:3] if own else KINDS
    condition = st.fixed_dictionaries(
        {"type": st.sampled_from(kinds), "status": st.sampled_from(["True", "False"])},
        optional={"reason": st.sampled_from(["A", "B"]), "message": st.just("m")},
    )
    address = st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"])
    return st.fixed_dictionaries(
        {"phase": st.sampled_from(["Pending", "Running"])},
        optional={
            "conditions": st.lists(condition, unique_by=lambda each: each["type"], min_size=1),
            "podIPs": st.lists(
                st.builds(lambda ip: {"ip": ip}, address), unique_by=lambda e: e["ip"], min_size=1
            ),
            "message": st.just("m"),
            "containerStatuses": st.lists(
                st.fixed_dictionaries({"name": st.sampled_from("ab"), "restartCount": st.integers(0, 2)}),
                unique_by=lambda e: e["name"],
                min_size=1,
            ),
        },
    )


@given(statuses(own=False), statuses(own=True))
def test_the_patch_arrives_at_what_is_wanted_and_then_nothing_is_left_to_write(
    current: dict[str, Any], wanted: dict[str, Any]
) -> None:
    target = settle(wanted, current, NOW)
    there = merged(current, difference(current, target))
    assert difference(there, settle(wanted, there, NOW)) == {}
    conditions = {each["type"]: each for each in there.get("conditions", [])}
    for each in target.get("conditions", []):
        assert conditions[each["type"]] == each
    # What others wrote is untouched.
    before = {each["type"]: each for each in current.get("conditions", [])}
    for kind in (
        before.keys() - {each["type"] for each in wanted.get("conditions", [])} - {"PodResizePending"}
    ):
        assert conditions[kind] == before[kind]
    for name in ("phase", "podIPs", "message", "containerStatuses"):
        assert there.get(name) == wanted.get(name)


def test_times_are_kept_and_written_in_whole_seconds() -> None:
    status = core_v1.PodStatus(
        phase="Running",
        startTime=NOW,
        conditions=[core_v1.PodCondition(type="Ready", status="True")],
        containerStatuses=[],
    )
    data = as_data(status)
    assert data["startTime"] == "2026-01-02T03:04:05Z"
    assert "containerStatuses" not in data
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": EARLIER}
    settled = settle(data, {"startTime": EARLIER, "conditions": [ready]}, NOW)
    assert settled["startTime"] == EARLIER
    assert settled["conditions"] == [ready]
    flipped = settle(data, {"conditions": [{**ready, "status": "False"}]}, NOW)
    assert flipped["conditions"][0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    there = {
        "phase": "Running",
        "qosClass": "BestEffort",
        "containerStatuses": [{"name": "a", "lastState": {}, "imageID": ""}],
        "initContainerStatuses": [],
    }
    assert difference(there, {"phase": "Running", "containerStatuses": [{"name": "a"}]}) == {}
