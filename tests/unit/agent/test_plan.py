# SPDX-License-Identifier: Apache-2.0
"""plan_pod: from what is wanted and what is there to operations, one row a situation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pod.model import (
    EnsureCgroup,
    Failure,
    ObservedContainer,
    ObservedPod,
    PullImage,
    RemoveContainer,
    RemovePodFiles,
    RemoveSandbox,
    RunSandbox,
    StartContainer,
    StopContainer,
    StopSandbox,
    TeardownVolumes,
)
from agent.pod.plan import plan_pod
from cri.model import ContainerState, Sandbox
from tests.unit.agent.builders import container, context, observed, pod, sandbox

EXITED = ContainerState.EXITED
DEAD = sandbox(ready=False)
OLD_UID = sandbox("u0")


def kinds(plan: object) -> list[list[str]]:
    return [sorted(type(operation).__name__ for operation in step) for step in plan.steps]  # type: ignore[attr-defined]


BROKEN_OFF = container(
    state=EXITED,
    exit_code=128,
    started=0,
    finished=999,
    reason="StartError",
    message="failed to create containerd task: failed to get task pid: context canceled: unknown",
)

NEW_POD = [["EnsureCgroup"], ["PullImage", "RunSandbox"], ["StartContainer"]]

ROWS: dict[str, tuple[object, ObservedPod, list[list[str]]]] = {
    "nothing wanted, nothing there": (None, observed(), []),
    "a new pod": (pod(), observed(), NEW_POD),
    "all runs": (pod(), observed(sandbox(), container()), []),
    "the sandbox is there, the container not yet": (
        pod(),
        observed(sandbox()),
        [["PullImage"], ["StartContainer"]],
    ),
    "created and never started": (
        pod(),
        observed(sandbox(), container(state=ContainerState.CREATED)),
        [["RemoveContainer"], ["PullImage"], ["StartContainer"]],
    ),
    "an agent died while the container was started, before its process began": (
        pod(policy="Never"),
        observed(sandbox(), BROKEN_OFF),
        [["RemoveContainer"], ["PullImage"], ["StartContainer"]],
    ),
    "the first crash restarts at once": (
        pod(),
        observed(sandbox(), container(state=EXITED, exit_code=1, finished=999)),
        [["PullImage"], ["StartContainer"]],
    ),
    "the second crash waits": (
        pod(),
        observed(sandbox(), container(state=EXITED, attempt=1, exit_code=1, finished=999, backoff=10)),
        [],
    ),
    "finished for good gives the network back": (
        pod(policy="Never"),
        observed(sandbox(), container(state=EXITED, finished=999)),
        [["StopSandbox"]],
    ),
    "finished and given back": (
        pod(policy="Never"),
        observed(DEAD, container(state=EXITED, finished=999)),
        [],
    ),
    "OnFailure does not restart what succeeded": (
        pod("a", "b", policy="OnFailure"),
        observed(sandbox(), container("a", EXITED, finished=999), container("b")),
        [],
    ),
    "a dead sandbox: stop what runs in it first": (
        pod(),
        observed(DEAD, container()),
        [["StopContainer"], ["StopSandbox"]],
    ),
    "a dead sandbox with nothing alive: the next one": (
        pod(),
        observed(DEAD, container(state=EXITED, exit_code=137, finished=999)),
        [["EnsureCgroup", "StopSandbox"], ["PullImage", "RunSandbox"], ["StartContainer"]],
    ),
    "a sandbox whose address the runtime lost: end it, then the next one": (
        pod(),
        ObservedPod((sandbox(),), (container(),), ips=()),
        [["StopContainer"], ["StopSandbox"]],
    ),
    "a sandbox whose address the runtime lost, nothing in it yet: the next one": (
        pod(),
        ObservedPod((sandbox(),), (), ips=()),
        [["EnsureCgroup", "StopSandbox"], ["PullImage", "RunSandbox"], ["StartContainer"]],
    ),
    "a container whose state the runtime lost is stopped": (
        pod(),
        observed(sandbox(), container(state=ContainerState.UNKNOWN)),
        [["StopContainer"]],
    ),
    "not wanted any more": (
        None,
        observed(sandbox(), container()),
        [["StopContainer"], ["StopSandbox"], ["RemoveSandbox"], ["TeardownVolumes"], ["RemovePodFiles"]],
    ),
    "a changed manifest: the old pod goes first": (
        pod(),
        observed(OLD_UID, container(box=OLD_UID)),
        [["StopContainer"], ["StopSandbox"], ["RemoveSandbox"], ["TeardownVolumes"], ["RemovePodFiles"]],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    desired, seen, expected = ROWS[row]
    assert kinds(plan_pod(desired, seen, context())) == expected  # type: ignore[arg-type]


def test_grace_of_a_pod_whose_manifest_is_gone_comes_from_its_sandbox() -> None:
    stop = plan_pod(None, observed(sandbox(), container()), context()).steps[0][0]
    assert isinstance(stop, StopContainer)
    assert stop.until == 1007


def test_attempts_count_up_and_backoff_doubles_to_its_cap() -> None:
    delays = []
    backoff, finished = 0.0, 1000.0
    for attempt in range(8):
        dead = container(
            state=EXITED, attempt=attempt, exit_code=1, started=finished, finished=finished, backoff=backoff
        )
        waiting = plan_pod(pod(), observed(sandbox(), dead), context(finished))
        wake = waiting.wake_at or finished
        delays.append(wake - finished)
        start = plan_pod(pod(), observed(sandbox(), dead), context(wake)).steps[-1][0]
        assert isinstance(start, StartContainer)
        assert start.attempt == attempt + 1
        backoff, finished = start.backoff, wake
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_minutes_of_running_start_the_backoff_afresh() -> None:
    dead = container(state=EXITED, attempt=5, exit_code=1, started=100, finished=701, backoff=160)
    start = plan_pod(pod(), observed(sandbox(), dead), context(702)).steps[-1][0]
    assert isinstance(start, StartContainer)
    assert start.backoff == 10


def test_crash_loop_is_told_with_its_time() -> None:
    dead = container(state=EXITED, attempt=1, exit_code=1, finished=999, backoff=10)
    plan = plan_pod(pod(), observed(sandbox(), dead), context())
    assert plan.wake_at == 1009
    assert plan.waiting["app"].reason == "CrashLoopBackOff"
    assert "back-off 10s" in plan.waiting["app"].message


def test_a_failed_pull_holds_one_container_and_not_the_other() -> None:
    failure = Failure("a", "ErrImagePull", "no such image", retry_at=1010)
    plan = plan_pod(pod("a", "b"), observed(sandbox()), context(a=failure))
    assert [operation.target for step in plan.steps for operation in step] == ["b", "b"]
    assert plan.waiting["a"].message == "no such image"
    assert plan.wake_at == 1010


def test_a_broken_off_start_keeps_its_attempt() -> None:
    plan = plan_pod(pod(policy="Never"), observed(sandbox(), BROKEN_OFF), context())
    assert [o.attempt for step in plan.steps for o in step if isinstance(o, StartContainer)] == [0]


def test_a_removal_that_failed_waits_for_its_time_and_holds_the_start_back() -> None:
    created = container(state=ContainerState.CREATED)
    failure = Failure("app", "FailedKillPod", "container is in starting state", retry_at=1010)
    plan = plan_pod(pod(), observed(sandbox(), created), context(app=failure))
    assert plan.steps == ()
    assert plan.wake_at == 1010


def test_a_dead_attempt_that_cannot_be_removed_holds_nothing_back() -> None:
    old = [container(state=EXITED, attempt=n, finished=500, started=n) for n in range(3)]
    identity = old[0].status.id
    failure = Failure(identity, "FailedKillPod", "cannot delete running task", retry_at=1010)
    plan = plan_pod(pod(), observed(sandbox(), *old), context(**{identity: failure}))
    assert kinds(plan) == [["PullImage"], ["StartContainer"]]
    assert plan.wake_at == 1010


def test_containers_start_in_the_order_of_the_spec() -> None:
    plan = plan_pod(pod("c", "a", "b"), observed(), context())
    assert [o.target for step in plan.steps for o in step if isinstance(o, StartContainer)] == ["c", "a", "b"]


def test_a_new_sandbox_has_the_next_attempt() -> None:
    dead = container(state=EXITED, exit_code=137, finished=999)
    run = [o for step in plan_pod(pod(), observed(DEAD, dead), context()).steps for o in step]
    assert [o.config.metadata.attempt for o in run if isinstance(o, RunSandbox)] == [1]


def test_only_two_attempts_of_a_container_are_kept() -> None:
    old = [container(state=EXITED, attempt=n, finished=500, started=n) for n in range(3)]
    plan = plan_pod(pod(), observed(sandbox(), *old, container(attempt=3)), context())
    removed = [o.container_id for step in plan.steps for o in step if isinstance(o, RemoveContainer)]
    assert removed == [old[0].status.id, old[1].status.id]


# A model of the runtime: performing the planned operations must lead to rest, whatever state it begins in.


def perform(plan: object, world: list[Sandbox | ObservedContainer]) -> list[Sandbox | ObservedContainer]:
    for step in plan.steps:  # type: ignore[attr-defined]
        for op in step:
            world = _perform_one(op, world)
    return world


def _perform_one(op: object, world: list[Sandbox | ObservedContainer]) -> list[Sandbox | ObservedContainer]:
    boxes = [part for part in world if isinstance(part, Sandbox)]
    match op:
        case EnsureCgroup() | PullImage() | RemovePodFiles() | TeardownVolumes():
            return world
        case RunSandbox(config):
            made = sandbox(config.metadata.uid, config.metadata.attempt)
            assert made.id not in {box.id for box in boxes}, "CRI refuses the same name twice"
            return [made, *world]
        case StartContainer(spec, box, sandbox_id, attempt):
            home = next(
                b for b in boxes if b.id == sandbox_id or (not sandbox_id and b.metadata == box.metadata)
            )
            made_container = container(spec.name, attempt=attempt, box=home)
            ids = {part.status.id for part in world if isinstance(part, ObservedContainer)}
            assert made_container.status.id not in ids, "CRI refuses the same name twice"
            return [*world, made_container]
        case StopContainer(container_id, name):
            return [
                container(
                    name, EXITED, attempt=p.status.attempt, exit_code=137, finished=999, box=_box(p, boxes)
                )
                if isinstance(p, ObservedContainer) and p.status.id == container_id
                else p
                for p in world
            ]
        case RemoveContainer(container_id):
            return [
                p for p in world if not (isinstance(p, ObservedContainer) and p.status.id == container_id)
            ]
        case StopSandbox(sandbox_id):
            return [
                sandbox(p.metadata.uid, p.metadata.attempt, ready=False)
                if isinstance(p, Sandbox) and p.id == sandbox_id
                else p
                for p in world
            ]
        case RemoveSandbox(sandbox_id):
            return [p for p in world if (p.id if isinstance(p, Sandbox) else p.sandbox_id) != sandbox_id]
    raise AssertionError(f"unknown operation {op}")


def _box(part: ObservedContainer, boxes: list[Sandbox]) -> Sandbox:
    return next(box for box in boxes if box.id == part.sandbox_id)


@st.composite
def worlds(draw: st.DrawFn) -> list[Sandbox | ObservedContainer]:
    world: list[Sandbox | ObservedContainer] = []
    for uid in draw(st.sets(st.sampled_from(["u0", "u1"]))):
        count = draw(st.integers(0, 2))
        for attempt in reversed(range(count)):
            box = sandbox(uid, attempt, ready=draw(st.booleans()) if attempt == count - 1 else False)
            world.append(box)
            for name in draw(st.sets(st.sampled_from(["a", "b"]))):
                state = draw(st.sampled_from(list(ContainerState)))
                world.append(
                    container(name, state, attempt=attempt, exit_code=draw(st.sampled_from([0, 1])), box=box)
                )
    return world


@given(worlds(), st.sampled_from(["Always", "OnFailure", "Never"]), st.booleans())
def test_every_state_converges(world: list[Sandbox | ObservedContainer], policy: str, wanted: bool) -> None:
    desired = pod("a", "b", policy=policy) if wanted else None
    now = 1000.0
    for _ in range(12):
        plan = plan_pod(desired, observed(*world), context(now))
        if not plan.steps and plan.wake_at is None:
            break
        world = perform(plan, world)
        now = max(now + 1, plan.wake_at or 0)
    assert not plan.steps, f"still busy after 12 rounds: {plan.describe()}"
    if desired is None:
        assert world == []
    elif policy == "Always":
        alive = [p for p in world if isinstance(p, ObservedContainer) and p.is_alive]
        ready = {p.id for p in world if isinstance(p, Sandbox) and p.state.value == "ready"}
        assert sorted(p.status.name for p in alive) == ["a", "b"]
        assert {p.sandbox_id for p in alive} <= ready
