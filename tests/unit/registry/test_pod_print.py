# SPDX-License-Identifier: Apache-2.0
"""STATUS, READY and RESTARTS of pods, state by state."""

from typing import Any

import pytest

from controlplane.registry.humanize import as_of
from controlplane.registry.pod_print import readiness_gates, summarize
from tests.support.registry_objects import NOW

Json = dict[str, Any]

RUNNING: Json = {"running": {"startedAt": "2024-05-01T11:55:00Z"}}
READY: Json = {"state": RUNNING, "ready": True, "restartCount": 0}
COMPLETED: Json = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "restartCount": 0}
ENDED: Json = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2024-05-01T11:59:40Z"}}
INITIALIZED: Json = {"type": "Initialized", "status": "True"}
IS_READY: Json = {"type": "Ready", "status": "True"}


def waiting(reason: str, **more: Any) -> Json:
    return {"state": {"waiting": {"reason": reason}}, "ready": False, "restartCount": 0, **more}


def terminated(**state: Any) -> Json:
    return {"state": {"terminated": state}, "ready": False, "restartCount": 0}


def pod(
    *containers: Json, init: tuple[Json, ...] = (), sidecars: int = 0, deleted: bool = False, **status: Any
) -> Json:
    names = [f"init{index}" for index in range(len(init))]
    return {
        "metadata": {"deletionTimestamp": "2024-05-01T11:59:00Z"} if deleted else {},
        "spec": {
            "containers": [{"name": f"c{index}"} for index in range(len(containers) or 1)],
            "initContainers": [
                {"name": name, **({"restartPolicy": "Always"} if index < sidecars else {})}
                for index, name in enumerate(names)
            ],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": list(containers),
            "initContainerStatuses": [{"name": name, **s} for name, s in zip(names, init, strict=True)],
            **status,
        },
    }


GATED: Json = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}

CASES: list[tuple[str, Json, str, str, str]] = [
    ("new", pod(phase="Pending"), "0/1", "Pending", "0"),
    ("gated", pod(phase="Pending", conditions=[GATED]), "0/1", "SchedulingGated", "0"),
    ("creating", pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating", "0"),
    ("running", pod(READY), "1/1", "Running", "0"),
    ("one of two", pod(READY, {**READY, "ready": False}), "1/2", "Running", "0"),
    (
        "crashing",
        pod(waiting("CrashLoopBackOff", restartCount=3, lastState=ENDED)),
        "0/1",
        "CrashLoopBackOff",
        "3 (20s ago)",
    ),
    ("restarted without a trace", pod({**READY, "restartCount": 2}), "1/1", "Running", "2"),
    ("no image", pod(waiting("ImagePullBackOff"), phase="Pending"), "0/1", "ImagePullBackOff", "0"),
    ("done", pod(COMPLETED, phase="Succeeded"), "0/1", "Completed", "0"),
    ("failed", pod(terminated(exitCode=1, reason="Error"), phase="Failed"), "0/1", "Error", "0"),
    ("failed silently", pod(terminated(exitCode=7), phase="Failed"), "0/1", "ExitCode:7", "0"),
    ("killed", pod(terminated(exitCode=137, signal=9), phase="Failed"), "0/1", "Signal:9", "0"),
    ("evicted", pod(phase="Failed", reason="Evicted", containerStatuses=[]), "0/1", "Evicted", "0"),
    ("half done, ready", pod(COMPLETED, READY, conditions=[IS_READY]), "1/2", "Running", "0"),
    ("half done, not ready", pod(COMPLETED, READY), "1/2", "NotReady", "0"),
    (
        "the first tells",
        pod(terminated(exitCode=1, reason="Error"), waiting("ErrImagePull")),
        "0/2",
        "Error",
        "0",
    ),
    ("terminating", pod(READY, deleted=True), "1/1", "Terminating", "0"),
    ("ended and deleted", pod(COMPLETED, phase="Succeeded", deleted=True), "0/1", "Completed", "0"),
    ("on a lost node", pod(READY, deleted=True, reason="NodeLost"), "1/1", "Unknown", "0"),
    (
        "first init",
        pod(waiting("PodInitializing"), init=(waiting("PodInitializing"), waiting("PodInitializing"))),
        "0/1",
        "Init:0/2",
        "0",
    ),
    (
        "second init",
        pod(waiting("PodInitializing"), init=(COMPLETED, {"state": RUNNING, "restartCount": 1})),
        "0/1",
        "Init:1/2",
        "1",
    ),
    (
        "init crashing",
        pod(waiting("PodInitializing"), init=(waiting("CrashLoopBackOff", restartCount=4, lastState=ENDED),)),
        "0/1",
        "Init:CrashLoopBackOff",
        "4 (20s ago)",
    ),
    ("init failed", pod(init=(terminated(exitCode=1, reason="Error"),)), "0/1", "Init:Error", "0"),
    ("init failed silently", pod(init=(terminated(exitCode=2),)), "0/1", "Init:ExitCode:2", "0"),
    ("init killed", pod(init=(terminated(exitCode=137, signal=9),)), "0/1", "Init:Signal:9", "0"),
    ("past init", pod(READY, init=({**COMPLETED, "restartCount": 5},)), "1/1", "Running", "0"),
    (
        "sidecar",
        pod(READY, init=({**READY, "started": True, "restartCount": 1, "lastState": ENDED},), sidecars=1),
        "2/2",
        "Running",
        "1 (20s ago)",
    ),
    ("sidecar starting", pod(init=(waiting(""),), sidecars=1, phase="Pending"), "0/2", "Init:0/1", "0"),
    (
        "sidecar crashed later",
        pod(READY, init=(waiting("CrashLoopBackOff"),), sidecars=1, conditions=[INITIALIZED]),
        "1/2",
        "Init:CrashLoopBackOff",
        "0",
    ),
]


@pytest.mark.parametrize(
    ("name", "obj", "ready", "status", "restarts"), CASES, ids=[case[0] for case in CASES]
)
def test_cells(name: str, obj: Json, ready: str, status: str, restarts: str) -> None:
    with as_of(NOW):
        found = summarize(obj)
    assert (found.ready, found.status, found.restarts) == (ready, status, restarts)


def test_readiness_gates() -> None:
    obj = {"spec": {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}}
    assert readiness_gates({}) == "<none>"
    assert readiness_gates(obj) == "0/2"
    assert readiness_gates({**obj, "status": {"conditions": [{"type": "b", "status": "True"}]}}) == "1/2"
