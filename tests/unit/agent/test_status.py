# SPDX-License-Identifier: Apache-2.0
"""pod_status: phases, states and reasons as the Kubernetes API words them."""

import pytest

from agent.pod.model import Failure, ObservedPod, Waiting
from agent.pod.status import Situation, pod_status
from cri.model import ContainerState
from tests.unit.agent.builders import container, observed, pod, sandbox

EXITED = ContainerState.EXITED
GOOD = container("a", EXITED, finished=999)
BAD = container("a", EXITED, exit_code=3, finished=999)


def situation(seen: ObservedPod, **waiting: Waiting) -> Situation:
    return Situation(seen, waiting, {}, "172.30.0.11")


@pytest.mark.parametrize(
    ("policy", "seen", "phase"),
    [
        ("Always", observed(), "Pending"),
        ("Always", observed(sandbox()), "Pending"),
        ("Always", observed(sandbox(), container("a")), "Running"),
        ("Always", observed(sandbox(), BAD), "Running"),
        ("OnFailure", observed(sandbox(), BAD), "Running"),
        ("OnFailure", observed(sandbox(), GOOD), "Succeeded"),
        ("Never", observed(sandbox(), GOOD), "Succeeded"),
        ("Never", observed(sandbox(), BAD), "Failed"),
    ],
)
def test_phase(policy: str, seen: ObservedPod, phase: str) -> None:
    assert pod_status(pod("a", policy=policy), situation(seen)).phase == phase


def test_oom_kill_is_reported_as_such() -> None:
    dead = container("a", EXITED, exit_code=137, finished=999, reason="OOMKilled")
    status = pod_status(pod("a", policy="Never"), situation(observed(sandbox(), dead))).containerStatuses[0]
    assert status.state.terminated.reason == "OOMKilled"
    assert status.state.terminated.exitCode == 137


def test_crash_loop_keeps_the_last_end_as_last_state() -> None:
    waiting = Waiting("CrashLoopBackOff", "back-off 10s")
    status = pod_status(pod("a"), situation(observed(sandbox(), BAD), a=waiting)).containerStatuses[0]
    assert status.state.waiting.reason == "CrashLoopBackOff"
    assert status.lastState.terminated.exitCode == 3
    assert not status.ready


def test_restarted_container_remembers_the_attempt_before() -> None:
    again = container("a", attempt=1)
    status = pod_status(pod("a"), situation(observed(sandbox(), BAD, again))).containerStatuses[0]
    assert status.restartCount == 1
    assert status.ready
    assert status.lastState.terminated.exitCode == 3


def test_failed_sandbox_is_told_on_the_pod() -> None:
    failure = Failure("", "FailedCreatePodSandBox", "address pool 10.244.1.0/24 is full", retry_at=0)
    status = pod_status(pod("a"), Situation(observed(), {}, {"": failure}, ""))
    assert status.phase == "Pending"
    assert status.reason == "FailedCreatePodSandBox"
    assert "full" in status.message


def test_addresses_and_conditions() -> None:
    status = pod_status(pod("a"), situation(observed(sandbox(), container("a"))))
    assert status.podIP == "10.244.1.2"
    assert status.hostIP == "172.30.0.11"
    assert {c.type: c.status for c in status.conditions}["Ready"] == "True"
