# SPDX-License-Identifier: Apache-2.0
"""What every driver of controlplane.store keeps. A driver's test inherits StoreContract and gives `opener`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing

import pytest

from controlplane.store.errors import CompactedError, ConflictError, ExistsError, FutureRevisionError
from controlplane.store.interface import Change, ChangeKind, Progress, Record, Store

Opener = Callable[[], AbstractAsyncContextManager[Store]]
"""Opens an empty store of its own, and closes it."""

SECONDS = 60.0


def with_store(test: Callable[["StoreContract", Store], Awaitable[None]]) -> Callable[..., None]:
    """An async test of one empty store as a test that pytest can call."""

    def call(self: "StoreContract", opener: Opener) -> None:
        async def body() -> None:
            async with asyncio.timeout(SECONDS), opener() as store:
                await test(self, store)

        asyncio.run(body())

    call.__name__, call.__doc__ = test.__name__, test.__doc__
    return call


async def changes(watch: AsyncGenerator[Change | Progress, None], count: int) -> list[Change]:
    """The next so many changes; the watch is closed."""
    found: list[Change] = []
    async with aclosing(watch) as events:
        async for event in events:
            if isinstance(event, Change):
                found.append(event)
                if len(found) == count:
                    break
    return found


async def fill(store: Store, count: int, prefix: str = "/core/pods/default/") -> list[Record]:
    return [await store.create(f"{prefix}p{number:03}", b"%d" % number) for number in range(count)]


async def keys(store: Store, prefix: str, revision: int = 0) -> list[str]:
    return [record.key for record in (await store.list(prefix, revision=revision)).records]


class StoreContract:
    """Inherited by the test class of each driver."""

    @with_store
    async def test_an_empty_store_has_a_revision_and_no_records(self, store: Store) -> None:
        assert await store.current_revision() >= 1
        assert await store.get("/core/pods/default/web") is None
        page = await store.list("/")
        assert page.records == ()
        assert page.next_key == ""
        assert page.revision == await store.current_revision()

    @with_store
    async def test_create_then_get(self, store: Store) -> None:
        before = await store.current_revision()
        made = await store.create("/core/pods/default/web", b'{"a":1}')
        assert made == Record("/core/pods/default/web", b'{"a":1}', made.mod_revision, made.mod_revision)
        assert made.mod_revision > before
        assert await store.get("/core/pods/default/web") == made
        assert await store.current_revision() == made.mod_revision

    @with_store
    async def test_a_second_create_is_refused(self, store: Store) -> None:
        made = await store.create("/core/nodes//node1", b"1")
        with pytest.raises(ExistsError, match="/core/nodes//node1"):
            await store.create("/core/nodes//node1", b"2")
        assert await store.get("/core/nodes//node1") == made

    @with_store
    async def test_update_keeps_the_create_revision(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        assert changed.create_revision == made.create_revision
        assert changed.mod_revision > made.mod_revision
        assert await store.get("/a/b//c") == changed

    @with_store
    async def test_update_of_another_state_is_a_conflict(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        with pytest.raises(ConflictError) as refused:
            await store.update("/a/b//c", b"3", expected=made.mod_revision)
        assert refused.value.current == changed
        with pytest.raises(ConflictError) as refused:
            await store.update("/a/b//other", b"3", expected=made.mod_revision)
        assert refused.value.current is None
        assert await store.get("/a/b//c") == changed

    @with_store
    async def test_delete_gives_the_last_value_at_a_new_revision(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        gone = await store.delete("/a/b//c", expected=made.mod_revision)
        assert gone.value == b"1"
        assert gone.create_revision == made.create_revision
        assert gone.mod_revision > made.mod_revision
        assert gone.mod_revision == await store.current_revision()
        assert await store.get("/a/b//c") is None

    @with_store
    async def test_delete_of_another_state_is_a_conflict(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        with pytest.raises(ConflictError) as refused:
            await store.delete("/a/b//c", expected=made.mod_revision)
        assert refused.value.current == changed
        gone = await store.delete("/a/b//c", expected=changed.mod_revision)
        with pytest.raises(ConflictError) as refused:
            await store.delete("/a/b//c", expected=gone.mod_revision)
        assert refused.value.current is None

    @with_store
    async def test_what_was_deleted_begins_anew(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        gone = await store.delete("/a/b//c", expected=made.mod_revision)
        again = await store.create("/a/b//c", b"1")
        assert again.create_revision == again.mod_revision > gone.mod_revision

    @with_store
    async def test_values_are_any_bytes(self, store: Store) -> None:
        for number, value in enumerate((b"", bytes(range(256)), b"x" * 1_000_000)):
            await store.create(f"/a/b//{number}", value)
            found = await store.get(f"/a/b//{number}")
            assert found is not None
            assert found.value == value

    @with_store
    async def test_one_of_many_concurrent_updates_wins(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"0")
        tries = [store.update("/a/b//c", b"%d" % n, expected=made.mod_revision) for n in range(20)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        (won,) = [result for result in results if isinstance(result, Record)]
        refused = [result for result in results if isinstance(result, ConflictError)]
        assert len(refused) == 19
        assert {error.current for error in refused} == {won}
        assert await store.get("/a/b//c") == won

    @with_store
    async def test_one_of_many_concurrent_creates_wins(self, store: Store) -> None:
        results = await asyncio.gather(
            *(store.create("/a/b//c", b"%d" % n) for n in range(20)), return_exceptions=True
        )
        assert sum(isinstance(result, ExistsError) for result in results) == 19
        assert [await store.get("/a/b//c")] == [result for result in results if isinstance(result, Record)]

    @with_store
    async def test_a_list_is_a_range_in_the_order_of_keys(self, store: Store) -> None:
        names = (
            "/core/pods/b/1",
            "/core/pods/a/2",
            "/core/pods/a/1",
            "/core/podtemplates/a/1",
            "/core/pods/ab/1",
        )
        for name in (*names, "/core/pods/a/é", "/core/pods/a/\U0001f40c"):
            await store.create(name, name.encode())
        snail = "/core/pods/a/\U0001f40c"
        assert await keys(store, "/core/pods/a/") == [
            "/core/pods/a/1",
            "/core/pods/a/2",
            "/core/pods/a/é",
            snail,
        ]
        assert len(await keys(store, "/core/pods/")) == 6
        assert len(await keys(store, "")) == 7
        assert await keys(store, "/core/pods/c/") == []
        assert all(r.value == r.key.encode() for r in (await store.list("/")).records)

    @with_store
    async def test_pages_are_one_snapshot(self, store: Store) -> None:
        made = await fill(store, 10)
        first = await store.list("/core/pods/", limit=4)
        assert first.records == tuple(made[:4])
        assert first.remaining in (6, None)
        # In between: one changed, one gone, one new in what is still to come.
        await store.update(made[5].key, b"new", expected=made[5].mod_revision)
        await store.delete(made[6].key, expected=made[6].mod_revision)
        await store.create("/core/pods/default/p0055", b"new")
        second = await store.list("/core/pods/", limit=4, start_key=first.next_key, revision=first.revision)
        assert second.records == tuple(made[4:8])
        assert second.revision == first.revision
        third = await store.list("/core/pods/", limit=4, start_key=second.next_key, revision=first.revision)
        assert third.records == tuple(made[8:])
        assert third.next_key == ""
        assert third.remaining in (0, None)

    @with_store
    async def test_a_page_that_ends_with_the_range_is_the_last(self, store: Store) -> None:
        await fill(store, 4)
        await store.create("/core/podtemplates/default/x", b"")
        page = await store.list("/core/pods/", limit=4)
        assert len(page.records) == 4
        assert page.next_key == ""

    @with_store
    async def test_a_start_before_the_prefix_is_the_prefix(self, store: Store) -> None:
        await fill(store, 2)
        await store.create("/apps/deployments/default/x", b"")
        assert len((await store.list("/core/pods/", start_key="/apps/")).records) == 2

    @with_store
    async def test_old_revisions_are_listed_as_they_were(self, store: Store) -> None:
        before = await store.current_revision()
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        gone = await store.delete("/a/b//c", expected=changed.mod_revision)
        again = await store.create("/a/b//c", b"3")
        seen = [
            (await store.list("/a/", revision=revision)).records
            for revision in (before, made.mod_revision, changed.mod_revision, gone.mod_revision)
        ]
        assert seen == [(), (made,), (changed,), ()]
        assert (await store.list("/a/")).records == (again,)

    @with_store
    async def test_a_revision_to_come_cannot_be_listed_or_watched(self, store: Store) -> None:
        await fill(store, 1)
        future = await store.current_revision() + 100
        with pytest.raises(FutureRevisionError):
            await store.list("/", revision=future)
        with pytest.raises(FutureRevisionError):
            await changes(store.watch("/", after=future), 1)
        with pytest.raises(FutureRevisionError):
            await store.compact(future)

    @with_store
    async def test_before_the_first_revision_there_is_no_history(self, store: Store) -> None:
        with pytest.raises(CompactedError):
            await changes(store.watch("/", after=0), 1)

    @with_store
    async def test_a_watch_tells_history_and_goes_on(self, store: Store) -> None:
        before = await store.current_revision()
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        watch = asyncio.ensure_future(changes(store.watch("/a/", after=before), 4))
        gone = await store.delete("/a/b//c", expected=changed.mod_revision)
        again = await store.create("/a/b//c", b"3")
        assert await watch == [
            Change(ChangeKind.CREATED, made),
            Change(ChangeKind.UPDATED, changed, b"1"),
            Change(ChangeKind.DELETED, gone),
            Change(ChangeKind.CREATED, again),
        ]

    @with_store
    async def test_a_watch_tells_its_range_only(self, store: Store) -> None:
        before = await store.current_revision()
        watch = asyncio.ensure_future(changes(store.watch("/core/pods/a/", after=before), 2))
        for key in ("/core/pods/ab/1", "/core/pods/a/1", "/core/nodes//a", "/core/pods/a/2"):
            await store.create(key, b"")
        assert [change.record.key for change in await watch] == ["/core/pods/a/1", "/core/pods/a/2"]

    @with_store
    async def test_a_watch_begins_after_its_revision(self, store: Store) -> None:
        made = await fill(store, 5)
        found = await changes(store.watch("/", after=made[2].mod_revision), 2)
        assert [change.record for change in found] == made[3:]

    @with_store
    async def test_changes_elsewhere_become_progress(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        async with aclosing(store.watch("/a/", after=made.mod_revision)) as events:
            following = asyncio.ensure_future(anext(events))
            other = await store.create("/x/y//z", b"1")
            progress = await following
            assert isinstance(progress, Progress)
            # It says that no change of the range up to there is missing.
            assert progress.revision >= other.mod_revision
            changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
            assert await anext(events) == Change(ChangeKind.UPDATED, changed, b"1")

    @with_store
    async def test_a_watch_under_writers_misses_nothing_and_doubles_nothing(self, store: Store) -> None:
        """Watches begin at any moment of the writing: before, at and behind the seam of history and now."""
        before = await store.current_revision()
        watches = []

        async def write(writer: int) -> None:
            for number in range(25):
                made = await store.create(f"/w/{writer}/{number:03}", b"1")
                if number % 3 == 0:
                    await store.delete(made.key, expected=made.mod_revision)
                watches.append(asyncio.ensure_future(changes(store.watch("/w/", after=before), 4 * 34)))

        await asyncio.gather(*(write(writer) for writer in range(4)))
        orders = await asyncio.gather(*watches)
        revisions = [change.record.mod_revision for change in orders[0]]
        assert revisions == sorted(set(revisions))
        assert all(order == orders[0] for order in orders)

    @with_store
    async def test_a_hundred_watches_see_one_order_under_eight_writers(self, store: Store) -> None:
        """And one that comes back from somewhere in the middle sees the rest of it."""
        before = await store.current_revision()
        count = 8 * 25 * 2
        watches = [
            asyncio.ensure_future(changes(store.watch("/w/", after=before), count)) for _ in range(100)
        ]

        async def write(writer: int) -> None:
            for number in range(25):
                made = await store.create(f"/w/{writer}/{number}", b"1")
                await store.update(made.key, b"2", expected=made.mod_revision)

        await asyncio.gather(*(write(writer) for writer in range(8)))
        orders = await asyncio.gather(*watches)
        assert all(order == orders[0] for order in orders)
        revisions = [change.record.mod_revision for change in orders[0]]
        assert revisions == sorted(set(revisions))
        for place in range(0, count - 1, 57):
            again = store.watch("/w/", after=revisions[place])
            assert await changes(again, count - place - 1) == orders[0][place + 1 :]

    @with_store
    async def test_compaction_forgets_history_and_keeps_records(self, store: Store) -> None:
        before = await store.current_revision()
        made = await store.create("/a/b//c", b"1")
        changed = await store.update("/a/b//c", b"2", expected=made.mod_revision)
        other = await store.create("/a/b//gone", b"1")
        gone = await store.delete("/a/b//gone", expected=other.mod_revision)
        await store.compact(gone.mod_revision)
        assert (await store.list("/a/")).records == (changed,)
        assert (await store.list("/a/", revision=gone.mod_revision)).records == (changed,)
        for revision in (before, made.mod_revision, other.mod_revision):
            with pytest.raises(CompactedError) as refused:
                await store.list("/a/", revision=revision)
            assert refused.value.oldest == gone.mod_revision
            with pytest.raises(CompactedError):
                await changes(store.watch("/a/", after=revision), 1)
        last = await store.update("/a/b//c", b"3", expected=changed.mod_revision)
        found = await changes(store.watch("/a/", after=gone.mod_revision), 1)
        assert found == [Change(ChangeKind.UPDATED, last, b"2")]

    @with_store
    async def test_compaction_twice_is_compaction_once(self, store: Store) -> None:
        made = await fill(store, 5)
        await store.compact(made[3].mod_revision)
        await store.compact(made[3].mod_revision)
        await store.compact(made[1].mod_revision)
        assert len((await store.list("/", revision=made[3].mod_revision)).records) == 4
        with pytest.raises(CompactedError):
            await store.list("/", revision=made[2].mod_revision)

    @with_store
    async def test_revisions_grow_over_a_compaction_of_everything(self, store: Store) -> None:
        made = await store.create("/a/b//c", b"1")
        gone = await store.delete("/a/b//c", expected=made.mod_revision)
        await store.compact(gone.mod_revision)
        again = await store.create("/a/b//c", b"1")
        assert again.mod_revision > gone.mod_revision

    @with_store
    async def test_close_ends_watches(self, store: Store) -> None:
        before = await store.current_revision()
        watch = asyncio.ensure_future(changes(store.watch("/", after=before), 2))
        await store.create("/a/b//c", b"1")
        await store.close()
        assert len(await watch) <= 1
