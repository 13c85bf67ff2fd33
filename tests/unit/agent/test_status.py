# SPDX-License-Identifier: Apache-2.0
"""pod_status: phases, states, conditions and reasons as the Kubernetes API words them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1

from agent.pod.model import Failure, ObservedContainer, ObservedPod, Waiting
from agent.pod.situation import PodEnd, Situation
from agent.pod.status import pod_status
from agent.probe.model import ProbeState
from agent.sources.model import DesiredPod, Refusal
from cri.model import ContainerState, ContainerUser
from tests.unit.agent.builders import SECOND, container, observed, pod, sandbox

EXITED = ContainerState.EXITED
NOW = 1000.0
GOOD = container("a", EXITED, finished=999)
BAD = container("a", EXITED, exit_code=3, finished=999)
RUNS = container("a")


def situation(seen: ObservedPod, *, waiting: dict[str, Waiting] | None = None, **more: Any) -> Situation:
    return Situation(seen, waiting or {}, more.pop("failures", {}), ("172.30.0.11",), NOW, **more)


def with_spec(desired: DesiredPod, **fields: Any) -> DesiredPod:
    model = msgspec.structs.replace(desired.pod, spec=msgspec.structs.replace(desired.pod.spec, **fields))
    return replace(desired, pod=model)


def with_inits(policy: str = "Always") -> DesiredPod:
    """Init containers "one" and sidecar "side" before app container "a"."""
    inits = [
        core_v1.Container(name="one", image="x"),
        core_v1.Container(name="side", image="x", restartPolicy="Always"),
    ]
    return with_spec(pod("a", policy=policy), initContainers=inits)


def conditions(status: core_v1.PodStatus) -> dict[str, str]:
    return {c.type: c.status for c in status.conditions or ()}


def condition(status: core_v1.PodStatus, kind: str) -> core_v1.PodCondition:
    return next(c for c in status.conditions or () if c.type == kind)


def only(status: core_v1.PodStatus) -> core_v1.ContainerStatus:
    [found] = status.containerStatuses or ()
    return found


ONE_GOOD = container("one", EXITED, finished=999)
ONE_BAD = container("one", EXITED, exit_code=1, finished=999)
SIDE = container("side")


@pytest.mark.parametrize(
    ("policy", "seen", "phase"),
    [
        ("Always", observed(), "Pending"),
        ("Always", observed(sandbox()), "Pending"),
        ("Always", observed(sandbox(), RUNS), "Running"),
        ("Always", observed(sandbox(), BAD), "Running"),
        ("OnFailure", observed(sandbox(), BAD), "Running"),
        ("OnFailure", observed(sandbox(), GOOD), "Succeeded"),
        ("Never", observed(sandbox(), GOOD), "Succeeded"),
        ("Never", observed(sandbox(), BAD), "Failed"),
    ],
)
def test_phase(policy: str, seen: ObservedPod, phase: str) -> None:
    assert pod_status(pod("a", policy=policy), situation(seen)).phase == phase


@pytest.mark.parametrize(
    ("policy", "seen", "phase", "initialized"),
    [
        ("Always", observed(sandbox()), "Pending", "False"),
        ("Always", observed(sandbox(), container("one")), "Pending", "False"),
        ("Always", observed(sandbox(), ONE_BAD), "Pending", "False"),
        ("Never", observed(sandbox(), ONE_BAD), "Failed", "False"),
        ("Always", observed(sandbox(), ONE_GOOD), "Pending", "False"),
        ("Always", observed(sandbox(), ONE_GOOD, SIDE), "Pending", "True"),
        ("Always", observed(sandbox(), ONE_GOOD, SIDE, RUNS), "Running", "True"),
        ("Never", observed(sandbox(), ONE_GOOD, SIDE, GOOD), "Running", "True"),
    ],
)
def test_phase_with_init_containers(policy: str, seen: ObservedPod, phase: str, initialized: str) -> None:
    status = pod_status(with_inits(policy), situation(seen))
    assert (status.phase, conditions(status)["Initialized"]) == (phase, initialized)


def test_what_waits_for_init_containers_says_so() -> None:
    status = pod_status(with_inits(), situation(observed(sandbox(), container("one"))))
    assert only(status).state.waiting.reason == "PodInitializing"
    assert condition(status, "Initialized").message == "containers with incomplete status: [one side]"
    assert [(s.name, s.ready) for s in status.initContainerStatuses or ()] == [
        ("one", False),
        ("side", False),
    ]
    after = pod_status(with_inits(), situation(observed(sandbox(), ONE_GOOD, SIDE, RUNS)))
    assert [(s.name, s.ready) for s in after.initContainerStatuses or ()] == [("one", True), ("side", True)]
    assert conditions(after)["Ready"] == "True"


def test_a_terminal_phase_stays_and_comes_only_when_nothing_runs() -> None:
    before = core_v1.PodStatus(phase="Succeeded")
    assert pod_status(pod("a"), situation(observed(sandbox(), RUNS), previous=before)).phase == "Succeeded"
    late = PodEnd("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
    dying = pod_status(pod("a"), situation(observed(sandbox(), RUNS), end=late))
    assert (dying.phase, dying.reason) == ("Running", "DeadlineExceeded")
    dead = pod_status(pod("a"), situation(observed(sandbox(), BAD), end=late))
    assert (dead.phase, dead.reason) == ("Failed", "DeadlineExceeded")


def test_oom_kill_is_reported_as_such() -> None:
    dead = container("a", EXITED, exit_code=137, finished=999, reason="OOMKilled")
    status = only(pod_status(pod("a", policy="Never"), situation(observed(sandbox(), dead))))
    assert (status.state.terminated.reason, status.state.terminated.exitCode) == ("OOMKilled", 137)


def test_crash_loop_keeps_the_last_end_as_last_state() -> None:
    waiting = {"a": Waiting("CrashLoopBackOff", "back-off 10s")}
    status = only(pod_status(pod("a"), situation(observed(sandbox(), BAD), waiting=waiting)))
    assert status.state.waiting.reason == "CrashLoopBackOff"
    assert status.lastState.terminated.exitCode == 3
    assert not status.ready


def test_restarted_container_remembers_the_attempt_before() -> None:
    again = container("a", attempt=1)
    status = only(pod_status(pod("a"), situation(observed(sandbox(), BAD, again))))
    assert (status.restartCount, status.ready) == (1, True)
    assert status.lastState.terminated.exitCode == 3


def test_what_keeps_the_pod_from_starting_is_told_where_people_look() -> None:
    failure = Failure("", "FailedCreatePodSandBox", "address pool 10.244.1.0/24 is full", retry_at=0)
    status = pod_status(pod("a"), situation(ObservedPod(), failures={"": failure}))
    assert (status.phase, status.reason) == ("Pending", None)
    assert only(status).state.waiting.reason == "ContainerCreating"
    assert only(status).state.waiting.message == "address pool 10.244.1.0/24 is full"
    assert condition(status, "PodReadyToStartContainers").reason == "FailedCreatePodSandBox"


@pytest.mark.parametrize(
    ("probe", "hooking", "started", "ready"),
    [
        (ProbeState(), False, True, True),
        (ProbeState(started=False, ready=False), False, False, False),
        (ProbeState(ready=False), False, True, False),
        (ProbeState(), True, False, False),
    ],
)
def test_started_and_ready(probe: ProbeState, hooking: bool, started: bool, ready: bool) -> None:
    seen = observed(sandbox(), RUNS)
    hooks = frozenset({RUNS.status.id}) if hooking else frozenset()
    status = pod_status(pod("a"), situation(seen, probes=lambda _: probe, hooking=hooks))
    assert (only(status).started, only(status).ready) == (started, ready)
    assert conditions(status)["Ready"] == conditions(status)["ContainersReady"] == str(ready)
    if not ready:
        assert condition(status, "Ready").reason == "ContainersNotReady"
        assert condition(status, "Ready").message == "containers with unready status: [a]"


@pytest.mark.parametrize(
    ("told", "ready", "text"),
    [
        ([], "False", 'corresponding condition of pod readiness gate "lb" does not exist.'),
        (
            [core_v1.PodCondition("False", "lb")],
            "False",
            'the status of pod readiness gate "lb" is not "True", but False',
        ),
        ([core_v1.PodCondition("True", "lb")], "True", None),
    ],
)
def test_readiness_gates(told: list[core_v1.PodCondition], ready: str, text: str | None) -> None:
    desired = with_spec(pod("a"), readinessGates=[core_v1.PodReadinessGate("lb")])
    before = core_v1.PodStatus(conditions=told)
    status = pod_status(desired, situation(observed(sandbox(), RUNS), previous=before))
    assert (conditions(status)["Ready"], conditions(status)["ContainersReady"]) == (ready, "True")
    assert condition(status, "Ready").message == text
    assert [c.type for c in status.conditions or ()][5:] == [c.type for c in told]


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    seen = observed(sandbox(), RUNS)
    first = pod_status(pod("a"), situation(seen))
    later = replace(situation(seen, previous=first), now=NOW + 60)
    assert pod_status(pod("a"), later) == first
    down = pod_status(pod("a"), replace(later, probes=lambda _: ProbeState(ready=False)))
    assert condition(down, "Ready").lastTransitionTime == datetime.fromtimestamp(NOW + 60, UTC)
    assert condition(down, "PodScheduled").lastTransitionTime == datetime.fromtimestamp(NOW, UTC)


def test_a_container_that_the_runtime_forgot() -> None:
    """As after a reboot: what was told before is all that anybody knows."""
    told = pod_status(pod("a"), situation(observed(sandbox(), container("a", attempt=2))))
    status = only(pod_status(pod("a"), situation(observed(), previous=told)))
    assert status.state.waiting.reason == "ContainerCreating"
    assert status.lastState.terminated.reason == "ContainerStatusUnknown"
    assert (status.lastState.terminated.exitCode, status.restartCount) == (137, 2)
    ended = pod_status(pod("a", policy="Never"), situation(observed(sandbox(), BAD)))
    kept = only(pod_status(pod("a", policy="Never"), situation(observed(), previous=ended)))
    assert kept.state.terminated.exitCode == 3


def test_a_container_out_of_the_runtimes_sight() -> None:
    lost = container("a", ContainerState.UNKNOWN)
    state = only(pod_status(pod("a"), situation(observed(sandbox(), lost)))).state
    assert state.terminated.reason == "ContainerStatusUnknown"


def test_one_that_was_made_and_never_started_is_being_created() -> None:
    made = container("a", ContainerState.CREATED)
    status = only(pod_status(pod("a"), situation(observed(sandbox(), made))))
    assert (status.state.waiting.reason, status.containerID) == ("ContainerCreating", None)


def test_a_termination_message_is_told() -> None:
    seen = situation(observed(sandbox(), BAD), messages={BAD.status.id: "cannot open the database"})
    assert (
        only(pod_status(pod("a", policy="Never"), seen)).state.terminated.message
        == "cannot open the database"
    )


def test_a_refused_pod_is_failed_and_says_why() -> None:
    desired = replace(pod("a"), refusal=Refusal("OutOfcpu", "node has too little CPU"))
    status = pod_status(desired, situation(observed()))
    assert (status.phase, status.reason) == ("Failed", "OutOfcpu")
    assert status.message == "Pod was rejected: node has too little CPU"
    assert status.containerStatuses is None


def test_an_ephemeral_container_is_told_and_never_ready() -> None:
    debug = core_v1.EphemeralContainer(name="debug", image="x")
    desired = with_spec(pod("a"), ephemeralContainers=[debug])
    status = pod_status(desired, situation(observed(sandbox(), RUNS, container("debug"))))
    [told] = status.ephemeralContainerStatuses or ()
    assert (told.name, told.ready, bool(told.state.running)) == ("debug", False, True)
    assert conditions(status)["Ready"] == "True"


def test_addresses_user_and_time() -> None:
    user = ContainerUser(1000, 2000, (3000,))
    running = ObservedContainer(RUNS.sandbox_id, replace(RUNS.status, user=user))
    status = pod_status(pod("a"), situation(observed(replace(sandbox(), created_at=7 * SECOND), running)))
    assert (status.podIP, status.hostIP) == ("10.244.1.2", "172.30.0.11")
    assert status.startTime == datetime.fromtimestamp(7, UTC)
    assert only(status).user.linux == core_v1.LinuxContainerUser(2000, 1000, [3000])


def test_a_start_that_was_broken_off_by_the_agents_death_is_no_end() -> None:
    broken = container(
        "a",
        EXITED,
        exit_code=128,
        started=0,
        finished=999,
        reason="StartError",
        message="failed to start containerd task: context canceled: unknown",
    )
    status = pod_status(pod("a", policy="Never"), situation(observed(sandbox(), broken)))
    assert status.phase == "Pending"
    assert status.containerStatuses[0].state.waiting.reason == "ContainerCreating"
