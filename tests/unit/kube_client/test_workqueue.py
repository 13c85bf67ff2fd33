# SPDX-License-Identifier: Apache-2.0
import asyncio

from kube.workqueue import Backoff, WorkQueue, work
from tests.support.eventually import eventually, in_background


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=1, longest=10)
    assert [backoff.pause(failures) for failures in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]


def test_a_key_that_waits_is_not_doubled_and_one_worked_on_comes_again() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add("a")
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        assert len(queue) == 0, "it must not be handed out twice at the same time"
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert queue.idle

    asyncio.run(main())


def test_one_key_is_never_reconciled_twice_at_the_same_time_and_none_is_lost() -> None:
    async def main() -> None:
        wanted, seen, busy = dict.fromkeys("abc", 0), dict[str, int](), set[str]()

        async def reconcile(key: str) -> None:
            assert key not in busy
            busy.add(key)
            state = wanted[key]
            await asyncio.sleep(0)
            seen[key] = state
            busy.remove(key)

        queue = WorkQueue[str]()
        async with in_background(work(queue, reconcile, name="test", workers=4)):
            for number in range(300):
                key = "abc"[number % 3]
                wanted[key] = number
                queue.add(key)
                if number % 7 == 0:
                    await asyncio.sleep(0)
            await eventually(lambda: queue.idle)
        assert seen == wanted

    asyncio.run(main())


def test_a_failure_is_tried_again_and_success_forgets_it() -> None:
    async def main() -> None:
        tries = list[str]()

        async def reconcile(key: str) -> None:
            tries.append(key)
            if len(tries) < 4:
                raise ValueError("not yet")

        queue = WorkQueue[str](Backoff(first=0.001, longest=0.002))
        queue.add("a")
        async with in_background(work(queue, reconcile, name="test")):
            await eventually(lambda: len(tries) == 4 and queue.idle)
        assert queue.failed("a") < 0.0015, "the pauses must begin anew"

    asyncio.run(main())


def test_reconcile_may_ask_to_come_back_and_the_earliest_wish_counts() -> None:
    async def main() -> None:
        tries = list[str]()

        async def reconcile(key: str) -> float | None:
            tries.append(key)
            return 0.001 if len(tries) < 3 else None

        queue = WorkQueue[str]()
        queue.add_after("a", 3600)
        queue.add_after("a", 0.001)
        queue.add_after("a", 7200)
        async with in_background(work(queue, reconcile, name="test")):
            await eventually(lambda: len(tries) == 3)

    asyncio.run(main())
