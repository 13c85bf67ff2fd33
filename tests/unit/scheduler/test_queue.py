# SPDX-License-Identifier: Apache-2.0
import asyncio

from hypothesis import given
from hypothesis import strategies as st

from controlplane.scheduler.model import PodInfo
from controlplane.scheduler.queue import STALE_SECONDS, SchedulingQueue


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def info(name: str, priority: int = 0, uid: str = "u") -> PodInfo:
    return PodInfo("default", name, uid, priority=priority)


def drain(queue: SchedulingQueue) -> list[str]:
    found = []
    while pod := queue.next_ready():
        found.append(pod.name)
    return found


def test_priority_first_then_age() -> None:
    queue = SchedulingQueue(Clock())
    for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5)):
        queue.add(info(name, priority))
    assert drain(queue) == ["b", "d", "a", "c"]


def test_what_does_not_fit_waits_for_a_change_and_for_its_growing_pause() -> None:
    clock = Clock()
    queue = SchedulingQueue(clock)
    queue.add(info("a"))
    for pause in (1, 2, 4, 8, 10, 10):
        assert drain(queue) == ["a"]
        queue.unschedulable(("default", "a"))
        assert drain(queue) == [], "nothing changed"
        queue.move_all()
        clock.now += pause - 0.5
        assert drain(queue) == [], "its pause is not over"
        clock.now += 0.5
    assert drain(queue) == ["a"]
    queue.unschedulable(("default", "a"))
    clock.now += 60
    assert drain(queue) == [], "its pause is over, but nothing changed"
    queue.move_all()
    assert drain(queue) == ["a"]


def test_a_lost_event_costs_minutes_not_for_ever() -> None:
    clock = Clock()
    queue = SchedulingQueue(clock)
    queue.add(info("a"))
    assert drain(queue) == ["a"]
    queue.unschedulable(("default", "a"))
    clock.now += STALE_SECONDS
    assert drain(queue) == ["a"]


def test_a_failed_binding_is_tried_after_its_pause_without_a_change() -> None:
    clock = Clock()
    queue = SchedulingQueue(clock)
    queue.add(info("a"))
    assert drain(queue) == ["a"]
    queue.failed(("default", "a"))
    assert drain(queue) == []
    clock.now += 1
    assert drain(queue) == ["a"]


def test_a_removed_pod_is_not_handed_out_and_a_namesake_begins_anew() -> None:
    clock = Clock()
    queue = SchedulingQueue(clock)
    queue.add(info("a"))
    queue.remove(("default", "a"))
    assert drain(queue) == []
    queue.add(info("a"))
    assert drain(queue) == ["a"]
    queue.unschedulable(("default", "a"))
    queue.add(info("a", uid="another"))
    assert drain(queue) == ["a"]


def test_get_waits_for_a_pod() -> None:
    async def main() -> None:
        queue = SchedulingQueue()
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.add(info("a"))
        assert (await waiting).name == "a"

    asyncio.run(main())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "get", "move", "wait"]), st.integers(0, 3), st.integers(0, 2)
    ),
    max_size=60,
)


@given(STEPS)
def test_no_pod_is_lost_or_handed_out_twice(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    queue = SchedulingQueue(clock)
    there = set[str]()
    for step, number, outcome in steps:
        name = f"p{number}"
        match step:
            case "add":
                queue.add(info(name, number))
                there.add(name)
            case "remove":
                queue.remove(("default", name))
                there.discard(name)
            case "move":
                queue.move_all()
            case "wait":
                clock.now += number
            case "get":
                pod = queue.next_ready()
                if pod is None:
                    continue
                assert pod.name in there
                if outcome == 0:
                    queue.remove(pod.key)
                    there.discard(pod.name)
                else:
                    (queue.unschedulable if outcome == 1 else queue.failed)(pod.key)
    clock.now += 60
    queue.move_all()
    clock.now += 60
    assert sorted(drain(queue)) == sorted(there)
