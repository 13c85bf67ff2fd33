# SPDX-License-Identifier: Apache-2.0
"""When probes are due: by beats that never drift, from one heap."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probe.model import Outcome, Timing
from agent.probe.schedule import Beat, Schedule, beat
from agent.probe.thresholds import Count, counted
from tests.support.virtual_time import run_virtually

SECONDS = st.floats(0, 1e6, allow_nan=False)


@given(SECONDS, SECONDS, st.integers(1, 3600))
def test_the_next_time_is_later_and_at_most_one_period_away(first: float, now: float, period: int) -> None:
    times = beat("c", first, period, spread=True)
    due = times.after(now)
    assert due > now
    assert due <= max(now, first) + period * 1.001


def test_a_beat_is_counted_from_its_start_and_the_same_for_whoever_asks() -> None:
    times = Beat(10, 15, 10)
    assert [times.after(now) for now in (0, 10, 14.9, 15, 24, 25, 1000)] == [10, 15, 15, 25, 25, 35, 1005]
    assert beat("x", 0, 10, spread=True) == beat("x", 0, 10, spread=True)
    assert beat("x", 0, 10, spread=False).second == 10


def test_probes_that_begin_together_do_not_stay_together() -> None:
    seconds = [beat(f"container {n}", 0, 10, spread=True).second for n in range(1000)]
    assert all(5 < second <= 10 for second in seconds)
    assert max(Counter(int(second * 10) for second in seconds).values()) < 60  # 20 each, if they were even


def test_five_hundred_a_second_for_ten_minutes_keep_their_times() -> None:
    calls: Counter[int] = Counter()
    late: list[float] = []

    async def minutes() -> None:
        loop = asyncio.get_running_loop()

        def fire(key: int, due: float) -> None:
            calls[key] += 1
            late.append(loop.time() - due)

        schedule: Schedule[int] = Schedule(fire)
        for key in range(500):
            schedule.add(key, beat(str(key), loop.time(), 10, spread=True))
        await asyncio.sleep(600)
        schedule.close()

    run_virtually(minutes())
    assert set(calls.values()) <= {60, 61}
    assert max(late) < 0.001


def test_removed_and_replaced_keys_are_called_no_more() -> None:
    calls: list[tuple[str, float]] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        schedule: Schedule[str] = Schedule(lambda key, due: calls.append((key, due - start)))
        schedule.add("a", Beat(start + 1, start + 2, 1))
        schedule.add("b", Beat(start + 1, start + 2, 1))
        await asyncio.sleep(1.5)
        schedule.remove("a")
        schedule.add("b", Beat(start + 5, start + 15, 10))
        await asyncio.sleep(10)
        assert len(schedule) == 1
        schedule.close()

    run_virtually(scene())
    assert calls == [("a", 1), ("b", 1), ("b", 5)]


def test_a_key_whose_first_time_has_just_passed_is_called_at_once_and_an_old_one_in_its_beat() -> None:
    calls: list[tuple[str, float]] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        schedule: Schedule[str] = Schedule(lambda key, _due: calls.append((key, loop.time() - start)))
        schedule.add("fresh", Beat(start - 1, start + 9, 10))
        schedule.add("old", Beat(start - 104, start - 94, 10))
        await asyncio.sleep(8)
        schedule.close()

    run_virtually(scene())
    assert [(key, round(at, 6)) for key, at in calls] == [("fresh", 0), ("old", 6)]


S, F, U = Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("results", "successes", "failures", "verdicts"),
    [
        ([S], 1, 3, [True]),
        ([F, F, F], 1, 3, [None, None, False]),
        ([S, F, F, S, F, F, F], 1, 3, [True, True, True, True, True, True, False]),
        ([F, S, S], 2, 1, [False, False, True]),
        ([S, F, S, S], 2, 2, [None, None, None, True]),
        ([F, U, F, U, F], 1, 3, [None, None, None, None, False]),
        ([S, U], 1, 1, [True, True]),
    ],
)
def test_thresholds(
    results: list[Outcome], successes: int, failures: int, verdicts: list[bool | None]
) -> None:
    timing = Timing(successes=successes, failures=failures)
    count, seen = Count(), []
    for result in results:
        count = counted(count, result, timing)
        seen.append(count.verdict)
    assert seen == verdicts
