# SPDX-License-Identifier: Apache-2.0
"""How long history is kept."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.store.errors import CompactedError
from controlplane.store.memory import MemoryStore
from controlplane.store.retention import LEAST_SECONDS, Keeper, Mark, Retention, compaction_point


def test_less_than_five_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 300 s"):
        Retention(seconds=299)


MARKS = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 1000)), min_size=1).map(
    lambda rows: [
        Mark(time, number + 1, sum(size for _, size in rows[:number]))
        for number, (time, _) in enumerate(sorted(rows))
    ]
)


@given(MARKS, st.integers(0, 3000), st.integers(300, 2000), st.integers(1, 5000))
def test_history_is_neither_younger_than_asked_nor_older(
    marks: list[Mark], later: int, seconds: int, size: int
) -> None:
    now = marks[-1].time + later
    point = compaction_point(marks, now, marks[-1].size, Retention(seconds, size))
    kept = [mark for mark in marks if mark.revision > point]
    gone = [mark for mark in marks if mark.revision <= point]
    assert all(now - mark.time < seconds for mark in kept)
    assert all(now - mark.time >= LEAST_SECONDS for mark in gone)
    # What is gone although it was young enough had too much behind it.
    assert all(now - mark.time >= seconds or marks[-1].size - mark.size >= size for mark in gone)


def test_a_store_forgets_by_itself() -> None:
    async def body() -> None:
        now = [1000.0]
        store = MemoryStore(retention=Retention(seconds=600), clock=lambda: now[0])
        record = await store.create("/a/b//c", b"0")
        first = record.mod_revision
        for _ in range(200):
            now[0] += 10
            record = await store.update("/a/b//c", b"", expected=record.mod_revision)
        with pytest.raises(CompactedError) as refused:
            await store.list("/", revision=first)
        # 600 s are 60 writes ago.
        assert record.mod_revision - refused.value.oldest in (60, 61)
        assert (await store.list("/", revision=refused.value.oldest)).records

    asyncio.run(body())


def test_marks_of_an_earlier_run_count() -> None:
    keeper = Keeper(Retention(seconds=600, size=1000), [Mark(0, 10, 0), Mark(100, 20, 900)])
    assert keeper.note(105, 21, 50) is None
    noted = keeper.note(650, 22, 0)
    assert noted is not None
    assert noted.point == 10
    assert noted.mark == Mark(650, 22, 950)


def test_a_clock_that_goes_back_forgets_nothing() -> None:
    keeper = Keeper(Retention(seconds=600), [Mark(10_000, 10, 0)])
    noted = keeper.note(5, 11, 0)
    assert noted is not None
    assert noted.point == 0
