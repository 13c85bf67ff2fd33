# SPDX-License-Identifier: Apache-2.0
"""Watches by themselves: slow ones, many of them, gaps, and progress."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.store.errors import CompactedError
from controlplane.store.fanout import Fanout
from controlplane.store.interface import Change, ChangeKind, Interest, Progress, Record
from controlplane.store.memory import MemoryStore
from controlplane.store.recent import Bounds, Recent
from tests.support.store_contract import changes


def made(revision: int, key: str = "/a/b//c", value: bytes = b"") -> Change:
    return Change(ChangeKind.CREATED, Record(key, value, revision, revision))


async def no_history(prefix: str, after: int, until: int) -> AsyncGenerator[Sequence[Change], None]:
    if until:
        raise CompactedError(f"nothing of {prefix} after {after}", until)
    yield []


async def any_revision(after: int) -> None:
    return


def run(test: Coroutine[None, None, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await test

    asyncio.run(limited())


def revisions(found: Sequence[Change]) -> list[int]:
    return [change.record.mod_revision for change in found]


def test_a_slow_watch_reads_history_and_misses_nothing() -> None:
    async def body() -> None:
        store = MemoryStore(bounds=Bounds(count=10))
        async with aclosing(store.watch("/a/", after=1)) as watch:
            first = asyncio.ensure_future(anext(watch))
            for number in range(3000):
                await store.create(f"/a/b//{number}", b"")
            told = [await first]
            async for change in watch:
                told.append(change)
                # More comes while it is behind.
                if len(told) % 100 == 0 and len(told) < 2000:
                    await store.create(f"/a/c//{len(told)}", b"")
                if len(told) == 3019:
                    break
        assert revisions([c for c in told if isinstance(c, Change)]) == list(range(2, 3021))

    run(body())


def test_a_slow_watch_is_told_when_history_is_gone() -> None:
    async def body() -> None:
        store = MemoryStore(bounds=Bounds(count=10))
        async with aclosing(store.watch("/a/", after=1)) as watch:
            await store.create("/a/b//first", b"")
            await anext(watch)
            for number in range(100):
                await store.create(f"/a/b//{number}", b"")
            await store.compact(50)
            with pytest.raises(CompactedError):
                async for _ in watch:
                    pass

    run(body())


def test_a_quiet_watch_does_not_need_the_history_of_others() -> None:
    async def body() -> None:
        store = MemoryStore(bounds=Bounds(count=10))
        watch = asyncio.ensure_future(changes(store.watch("/a/", after=1), 1))
        await asyncio.sleep(0)
        for number in range(100):
            await store.create(f"/x/y//{number}", b"")
        await store.compact(90)
        made = await store.create("/a/b//c", b"")
        assert [change.record for change in await watch] == [made]

    run(body())


def test_memory_is_bounded_by_count_and_by_bytes() -> None:
    recent = Recent(1, Bounds(count=100, size=10_000))
    for revision in range(2, 1002):
        recent.append([made(revision)])
    assert recent.floor == 901
    assert len(recent.read("", recent.floor, 1000)) == 100
    for revision in range(1002, 1032):
        recent.append([made(revision, value=b"x" * 1000)])
    assert revisions(recent.read("", recent.floor, 1000)) == list(range(1022, 1032))
    recent.append([made(1032, value=b"x" * 20_000)])
    assert recent.floor == 1032


def test_a_thousand_watches_see_one_order() -> None:
    async def body() -> None:
        store = MemoryStore()
        watches = [asyncio.ensure_future(changes(store.watch("/a/", after=1), 50)) for _ in range(1000)]
        for number in range(50):
            await store.create(f"/a/b//{number}", b"")
            await asyncio.sleep(0)
        orders = await asyncio.gather(*watches)
        assert all(order == orders[0] for order in orders)

    run(body())


def test_a_watch_that_ends_is_forgotten() -> None:
    async def body() -> None:
        fanout = Fanout(1, no_history, any_revision)
        for _ in range(3):
            watching = asyncio.ensure_future(changes(fanout.watch("/a/", 1), 1))
            await asyncio.sleep(0)
            watching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await watching
        assert not list(fanout._watches)
        assert not fanout._watches

    run(body())


def test_a_gap_ends_watches_that_were_before_it_and_no_others() -> None:
    async def body() -> None:
        fanout = Fanout(1, no_history, any_revision)
        behind = asyncio.ensure_future(changes(fanout.watch("/a/", 1), 1))
        ahead = asyncio.ensure_future(changes(fanout.watch("/a/", 100), 1))
        await asyncio.sleep(0)
        fanout.skip_to(100)
        with pytest.raises(CompactedError):
            await behind
        fanout.publish([made(101)])
        assert revisions(await ahead) == [101]

    run(body())


def test_progress_says_the_newest_revision_once() -> None:
    async def body() -> None:
        fanout = Fanout(1, no_history, any_revision)
        async with aclosing(fanout.watch("/a/", 1)) as watch:
            first = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            for revision in range(2, 7):
                fanout.publish([made(revision, "/x/y//z")])
            assert await first == Progress(6)
            second = asyncio.ensure_future(anext(watch))
            fanout.publish([made(7)])
            assert await second == made(7)

    run(body())


KEYS = st.sampled_from(["/a/b//1", "/a/b//2", "/a/c//1", "/a"])
PREFIXES = st.sampled_from(["", "/a", "/a/", "/a/b/", "/a/b//1", "/b"])


@given(st.lists(KEYS, max_size=40), PREFIXES, st.integers(1, 45), st.integers(1, 8), st.integers(0, 40))
def test_every_watch_sees_exactly_its_range_after_its_revision(
    keys: list[str], prefix: str, after: int, room: int, before: int
) -> None:
    """before: how many of the writes there are when the watch begins; room: how many are in memory."""

    async def body() -> None:
        store = MemoryStore(bounds=Bounds(count=room))
        written: list[str] = []
        for key in keys[:before]:
            await write(store, key, written)
        begin = min(after, 1 + len(written))
        expected = [n + 2 for n, key in enumerate(keys) if n + 2 > begin and key.startswith(prefix)]
        watch = asyncio.ensure_future(changes(store.watch(prefix, after=begin), len(expected)))
        for key in keys[before:]:
            await write(store, key, written)
            await asyncio.sleep(0)
        if expected:
            assert revisions(await watch) == expected
        watch.cancel()

    run(body())


def values(change: Change) -> tuple[str, ...]:
    """What the record is and was."""
    found = (change.record.value,) if change.previous is None else (change.record.value, change.previous)
    return tuple(value.decode() for value in found)


@given(
    st.lists(st.tuples(KEYS, st.sampled_from("xyz")), max_size=40),
    PREFIXES,
    st.integers(1, 45),
    st.integers(1, 8),
    st.integers(0, 40),
)
def test_a_watch_with_an_interest_misses_nothing_of_it(
    writes: list[tuple[str, str]], prefix: str, after: int, room: int, before: int
) -> None:
    """As above; the interest is what is or was x."""

    async def body() -> None:
        store = MemoryStore(bounds=Bounds(count=room))
        written: list[str] = []
        for key, value in writes[:before]:
            await write(store, key, written, value.encode())
        begin = min(after, 1 + len(written))
        whole = store.watch(prefix, after=begin)
        some = store.watch(prefix, after=begin, interest=Interest(values, "x"))
        expected = [n + 2 for n, (key, _) in enumerate(writes) if n + 2 > begin and key.startswith(prefix)]
        both = (changes(whole, len(expected)), drain(some))
        watching = [asyncio.ensure_future(each) for each in both]
        for key, value in writes[before:]:
            await write(store, key, written, value.encode())
            await asyncio.sleep(0)
        all_of_them = await watching[0] if expected else []
        await settle(store)
        told = await watching[1]
        assert set(revisions(told)) <= set(expected)
        assert revisions(told) == sorted(set(revisions(told)))
        assert [c for c in told if "x" in values(c)] == [c for c in all_of_them if "x" in values(c)]

    run(body())


async def drain(watch: AsyncGenerator[Change | Progress, None]) -> list[Change]:
    """Every change until the store is closed."""
    return [change async for change in watch if isinstance(change, Change)]


async def settle(store: MemoryStore) -> None:
    """What can be told has been told when nobody is ready to run any more; then end all watches."""
    for _ in range(200):
        await asyncio.sleep(0)
    await store.close()


def test_a_change_is_looked_at_once_for_a_thousand_watches_and_wakes_those_it_is_about() -> None:
    looked: list[int] = []

    def marks(change: Change) -> tuple[str, ...]:
        looked.append(change.record.mod_revision)
        return values(change)

    async def body() -> None:
        store = MemoryStore()
        told: dict[str, list[Change]] = {}

        async def follow(mark: str) -> None:
            told[mark] = await drain(store.watch("/a/", after=1, interest=Interest(marks, mark)))

        async with asyncio.TaskGroup() as group:
            for number in range(1000):
                group.create_task(follow(f"node{number}"))
            await asyncio.sleep(0)
            first = await store.create("/a/b//c", b"node1")
            await asyncio.sleep(0)
            await store.update("/a/b//c", b"node2", expected=first.mod_revision)
            await store.create("/x/b//c", b"node3")
            await settle(store)
        assert {mark: revisions(found) for mark, found in told.items() if found} == {
            "node1": [2, 3],
            "node2": [3],
        }
        assert looked == [2, 3]

    run(body())


async def write(store: MemoryStore, key: str, written: list[str], value: bytes = b"") -> None:
    current = await store.get(key)
    if current is None:
        await store.create(key, value)
    else:
        await store.update(key, value, expected=current.mod_revision)
    written.append(key)
