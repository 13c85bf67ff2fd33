# SPDX-License-Identifier: Apache-2.0
"""What a pod waits for and what would unblock it, from what the API shows of it."""

from typing import Any

import pytest

from agent.explain.advice import ADVICE, advice_for
from agent.explain.explanation import explain
from agent.explain.waits import waits_of

T0 = "2026-01-02T03:04:05Z"
T1 = "2026-01-02T03:04:35Z"


def pod(metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    names = {"namespace": "default", "name": "web", "uid": "u1", **(metadata or {})}
    return {"metadata": names, "spec": {"nodeName": "node1"}, "status": {"phase": "Pending", **status}}


def container(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "app", "ready": False, "state": state, **fields}


def waiting(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    return container({"waiting": {"reason": reason, "message": message}}, **fields)


OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": T0}}
SANDBOX = {
    "type": "PodReadyToStartContainers", "status": "False", "reason": "FailedCreatePodSandBox",
    "message": "address pool is full", "lastTransitionTime": T0,
}  # fmt: skip
GATE = {
    "type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": 'gate "lb"',
}  # fmt: skip

ROWS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "nothing": (pod(phase="Running", containerStatuses=[container({"running": {}}, ready=True, started=True)]), []),
    "an image": (
        pod(containerStatuses=[waiting("ImagePullBackOff", "back-off 10s")]),
        [("container app", "ImagePullBackOff", "back-off 10s")],
    ),
    "an init container": (
        pod(initContainerStatuses=[waiting("CreateContainerConfigError", 'configmap "x" not found')]),
        [("init container app", "CreateContainerConfigError", 'configmap "x" not found')],
    ),
    "the sandbox": (pod(conditions=[SANDBOX]), [("pod", "FailedCreatePodSandBox", "address pool is full")]),
    "a crash for want of memory": (
        pod(containerStatuses=[waiting("CrashLoopBackOff", "back-off 20s", lastState=OOM)]),
        [("container app", "CrashLoopBackOff", "back-off 20s; last ended with OOMKilled, exit code 137")],
    ),
    "a probe": (
        pod(phase="Running", containerStatuses=[container({"running": {"startedAt": T0}}, started=True)]),
        [("container app", "NotReady", "it runs and is not ready")],
    ),
    "a startup probe": (
        pod(phase="Running", containerStatuses=[container({"running": {"startedAt": T0}}, started=False)]),
        [("container app", "NotStarted", "it runs and has not started up yet")],
    ),
    "a readiness gate": (pod(conditions=[GATE]), [("pod", "ReadinessGatesNotReady", 'gate "lb"')]),
    "an end": (
        pod({"deletionTimestamp": T1}, containerStatuses=[container({"running": {"startedAt": T0}})]),
        [("container app", "Terminating", f"it has until {T1} to end")],
    ),
    "nothing any more": (pod(phase="Failed", containerStatuses=[waiting("Error")]), []),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_waits(row: str) -> None:
    given, expected = ROWS[row]
    found = waits_of(given)
    assert [(wait.what, wait.reason, wait.message) for wait in found] == expected
    assert all(wait.unblock for wait in found)


def test_a_crash_for_want_of_memory_is_told_what_helps_against_that() -> None:
    (wait,) = waits_of(pod(containerStatuses=[waiting("CrashLoopBackOff", lastState=OOM)]))
    assert "limits.memory" in wait.unblock


def test_the_next_attempt_is_known_where_the_node_told_it() -> None:
    failures = [{"target": "app", "retryAt": T1}, {"target": "", "retryAt": T0}]
    given = pod(conditions=[SANDBOX], containerStatuses=[waiting("ErrImagePull", "no such image")])
    assert [wait.until for wait in waits_of(given, failures)] == [T0, T1]


def test_every_reason_has_advice_and_an_unknown_one_too() -> None:
    assert all(ADVICE.values())
    assert advice_for("SomethingNew")


def test_an_explanation_has_the_timeline_and_how_long_it_took_to_be_ready() -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:04:06Z"}
    given = pod(phase="Running", conditions=[ready])
    entries = [{"phase": "RunSandbox", "target": "", "at": 1767323045.25, "took": 0.2, "error": ""}]
    told = explain(given, {"timeline": entries})
    assert told["readyAfterSeconds"] == 0.75
    assert told["waits"] == []
    assert told["timeline"] == [
        {"at": "2026-01-02T03:04:05.250Z", "phase": "RunSandbox", "target": "", "seconds": 0.2, "error": ""}
    ]


def test_a_pod_without_anything_known_is_explained() -> None:
    told = explain(pod(), {})
    assert (told["phase"], told["ready"], told["readyAfterSeconds"]) == ("Pending", False, None)
