# SPDX-License-Identifier: Apache-2.0
"""What takes long is given up when it is not wanted any more."""

import asyncio

import pytest

from agent.pod.interrupt import GivenUpError, Interrupt


def test_work_that_is_done_in_time_gives_its_result() -> None:
    async def main() -> int:
        async def work() -> int:
            return 7

        return await Interrupt().unless(work())

    assert asyncio.run(main()) == 7


def test_an_error_of_the_work_comes_through() -> None:
    async def main() -> None:
        async def work() -> None:
            raise ValueError("no")

        await Interrupt().unless(work())

    with pytest.raises(ValueError, match="no"):
        asyncio.run(main())


def test_work_under_way_is_cancelled_and_waited_for() -> None:
    ended: list[str] = []

    async def main() -> None:
        interrupt, begun = Interrupt(), asyncio.Event()

        async def work() -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                ended.append("work")

        task = asyncio.create_task(interrupt.unless(work()))
        await begun.wait()
        interrupt.throw()
        assert interrupt.is_thrown
        with pytest.raises(GivenUpError):
            await task

    asyncio.run(main())
    assert ended == ["work"]


def test_whoever_waits_may_be_cancelled_and_takes_the_work_along() -> None:
    ended: list[str] = []

    async def main() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                ended.append("work")

        task = asyncio.create_task(Interrupt().unless(work()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["work"]
