# SPDX-License-Identifier: Apache-2.0
"""The file of the SQLite driver: durability's settings, refusals at the start, backups, history over a restart."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from controlplane.store.errors import CompactedError, StoreError, UnavailableError, UnusableError
from controlplane.store.interface import Change, Progress, Record, Store
from controlplane.store.recent import Bounds
from controlplane.store.retention import Retention
from controlplane.store.sqlite import SqliteStore, open_sqlite, restore
from controlplane.store.sqlite.connection import connect
from controlplane.store.sqlite.operations import Create
from controlplane.store.sqlite.schema import MIGRATIONS, migrate
from tests.support.store_contract import changes, fill


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def filled(path: Path, count: int = 10) -> list[Record]:
    store = await open_sqlite(path)
    made = await fill(store, count)
    await store.close()
    return made


async def refused(path: Path) -> str:
    with pytest.raises(StoreError) as error:
        await open_sqlite(path)
    return f"{type(error.value).__name__}: {error.value}"


def test_every_commit_is_synced(path: Path) -> None:
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_second_process_is_refused_and_told_by_whom(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        assert f"InUseError: cannot open {path}: process {os.getpid()} has it open" in await refused(path)
        await store.create("/a/b//c", b"")
        await store.close()
        again = await open_sqlite(path)
        await again.close()

    run(body())


def test_a_damaged_file_is_refused(path: Path) -> None:
    async def body() -> None:
        await filled(path, 2000)
        damage(path)
        told = await refused(path)
        assert "UnusableError" in told
        assert "it is damaged" in told
        assert "orlop controlplane restore" in told

    run(body())


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 8192, 3):
            file.seek(page * 8192)
            file.write(os.urandom(4096))


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 100, b"x"])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert asyncio.run(refused(path)).startswith(f"UnusableError: cannot open {path}: it is not a store")
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    async def body() -> None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE theirs (x)")
        assert "another program" in await refused(path)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]

    run(body())


def test_a_newer_schema_is_refused(path: Path) -> None:
    async def body() -> None:
        await filled(path)
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("PRAGMA user_version = 99")
        told = await refused(path)
        assert "schema is version 99" in told
        assert "newer program" in told

    run(body())


def test_an_older_schema_is_brought_up_to_date(path: Path) -> None:
    with closing(connect(path)) as connection:
        migrate(connection, path)
        migrate(connection, path, (*MIGRATIONS, "ALTER TABLE mark ADD COLUMN note TEXT;"))
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert connection.execute("SELECT note FROM mark").fetchall() == []


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    with closing(connect(path)) as connection:
        migrate(connection, path)
        with pytest.raises(sqlite3.Error):
            migrate(connection, path, (*MIGRATIONS, "CREATE TABLE more (x); CREATE TABLE more (x);"))
        connection.rollback()
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        migrate(connection, path, (*MIGRATIONS, "CREATE TABLE more (x);"))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    async def body() -> None:
        told = await refused(tmp_path / "none" / "store.db")
        assert told.startswith("UnavailableError")
        assert "folder must exist" in told

    run(body())


def test_history_outlives_a_restart(path: Path) -> None:
    async def body() -> None:
        made = await filled(path, 1000)
        store = await open_sqlite(path)
        assert await store.current_revision() == made[-1].mod_revision
        for begin in (0, 500, 998):
            found = await changes(store.watch("/", after=made[begin].mod_revision), 999 - begin)
            assert [change.record for change in found] == made[begin + 1 :]
        await store.close()

    run(body())


def test_marks_outlive_a_restart(path: Path) -> None:
    """A server that is restarted all the time forgets old history all the same."""

    async def body() -> None:
        now = [1000.0]
        for number in range(60):
            store = await open_sqlite(path, retention=Retention(seconds=300), clock=lambda: now[0])
            await store.create(f"/a/b//{number}", b"")
            await store.close()
            now[0] += 20
        store = await open_sqlite(path)
        with pytest.raises(CompactedError) as error:
            await store.list("/", revision=2)
        # 300 s are 15 writes ago; what is due is found with the next mark.
        assert 60 - error.value.oldest in range(12, 18)
        await store.close()

    run(body())


def test_compaction_gives_room_back_to_the_file(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        record = await store.create("/a/b//c", b"")
        for _ in range(4):
            for _ in range(300):
                record = await store.update("/a/b//c", b"x" * 4000, expected=record.mod_revision)
            await store.compact(record.mod_revision)
        await store.close()

    run(body())
    assert path.stat().st_size < 2 * 300 * 4000


def test_compaction_leaves_one_row_for_each_record(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        made = await fill(store, 30)
        for record in made[:20]:
            changed = await store.update(record.key, b"2", expected=record.mod_revision)
            if record in made[:10]:
                await store.delete(record.key, expected=changed.mod_revision)
        await store.compact(await store.current_revision())
        await store.close()

    run(body())
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM change").fetchone() == (20,)


def test_a_slow_watch_is_told_that_its_very_next_change_is_forgotten(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path, bounds=Bounds(count=5))
        made = await store.create("/a/b//c", b"")
        async with aclosing(store.watch("/a/", after=made.mod_revision)) as watch:
            told = await read_one(watch, store, made)
            gone = await store.delete("/a/b//c", expected=told.mod_revision)
            await fill(store, 20, "/a/d//")
            await store.compact(gone.mod_revision)
            with pytest.raises(CompactedError):
                await anext(watch)
        await store.close()

    run(body())


async def read_one(watch: AsyncGenerator[Change | Progress, None], store: Store, record: Record) -> Record:
    """The watch has begun, and is up to date."""
    changed = await store.update(record.key, b"1", expected=record.mod_revision)
    event = await anext(watch)
    assert isinstance(event, Change)
    assert event.record == changed
    return changed


def test_reads_and_writes_after_close_are_refused(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        await store.close()
        await store.close()
        for call in (store.get("/a"), store.list("/"), store.create("/a", b""), store.backup(path)):
            with pytest.raises(UnavailableError, match="closed"):
                await call

    run(body())


def test_writes_under_way_at_close_are_finished(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        writes = [asyncio.ensure_future(store.create(f"/a/b//{n}", b"")) for n in range(100)]
        await asyncio.sleep(0)
        await store.close()
        assert len(await asyncio.gather(*writes)) == 100
        again = await open_sqlite(path)
        assert len((await again.list("/")).records) == 100
        await again.close()

    run(body())


def test_a_cancelled_writer_does_not_disturb_its_group(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        writes = [asyncio.ensure_future(store.create(f"/a/b//{n}", b"")) for n in range(20)]
        await asyncio.sleep(0)
        for write in writes[::2]:
            write.cancel()
        done = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(isinstance(each, Record) for each in done) == 10
        await store.close()

    run(body())


class Stuck:
    """An operation that holds the writer until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def apply(self, _connection: sqlite3.Connection, _revision: int, /) -> None:
        self.begun.set()
        assert self.go_on.wait(30)


def test_what_waits_is_committed_together(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        stuck, commits = Stuck(), []
        store._writer._connection.set_trace_callback(
            lambda text: commits.append(text) if text == "COMMIT" else None
        )
        first = asyncio.ensure_future(store._writer.write(stuck))
        await asyncio.to_thread(stuck.begun.wait)
        writes = [asyncio.ensure_future(store._writer.write(Create(f"/a/b//{n}", b""))) for n in range(100)]
        await asyncio.sleep(0)
        stuck.go_on.set()
        await asyncio.gather(first, *writes)
        # One of what was stuck, one of all that waited; a mark of the history may have one, too.
        assert len(commits) <= 3
        await store.close()

    run(body())


def test_an_error_in_one_group_leaves_the_next_alone(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        with pytest.raises(UnavailableError, match="cannot write"):
            await store.create("/a/b//\ud800", b"")
        made = await store.create("/a/b//c", b"")
        assert await store.get("/a/b//c") == made
        await store.close()

    run(body())


def test_a_full_file_refuses_writes_and_loses_nothing(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        made = await fill(store, 5)
        limit(store, 40)
        with pytest.raises(UnavailableError, match="full; make room"):
            await store.create("/a/b//big", b"x" * 1_000_000)
        assert list((await store.list("/core/")).records) == made
        limit(store, 1_000_000)
        await store.create("/a/b//big", b"x" * 1_000_000)
        await store.close()

    run(body())


def test_a_file_that_became_read_only_refuses_writes_and_can_be_read(path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        made = await store.create("/a/b//c", b"")
        store._writer._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(
            UnavailableError, match="readonly database; make the file and its folder writable"
        ):
            await store.update("/a/b//c", b"x", expected=made.mod_revision)
        assert await store.get("/a/b//c") == made
        assert await store.current_revision() == made.mod_revision
        store._writer._connection.execute("PRAGMA query_only = OFF")
        await store.update("/a/b//c", b"x", expected=made.mod_revision)
        await store.close()

    run(body())


def limit(store: SqliteStore, pages: int) -> None:
    store._writer._connection.execute(f"PRAGMA max_page_count = {pages}")


def test_backup_while_writing_is_one_moment(path: Path, tmp_path: Path) -> None:
    async def body() -> None:
        store = await open_sqlite(path)
        target = tmp_path / "backup.db"

        async def write() -> None:
            for number in range(500):
                await store.create(f"/a/b//{number:04}", b"x" * 500)

        writing = asyncio.ensure_future(write())
        revisions = [await store.backup(target) for _ in range(5)]
        await writing
        await store.close()
        assert revisions == sorted(revisions)
        assert [name for name in names(tmp_path) if "backup" in name] == ["backup.db"]
        first = await asyncio.to_thread(restore, target, tmp_path / "other.db")
        assert first > revisions[-1]
        copy = await open_sqlite(tmp_path / "other.db")
        # Revision 1 is the empty store.
        kept = [record.key for record in (await copy.list("/")).records]
        assert kept == [f"/a/b//{number:04}" for number in range(revisions[-1] - 1)]
        await copy.close()

    run(body())


def test_restore_replaces_and_makes_every_client_list_again(path: Path, tmp_path: Path) -> None:
    async def body() -> None:
        made = await filled(path)
        store = await open_sqlite(path)
        backup = tmp_path / "backup.db"
        await store.backup(backup)
        seen = await store.update(made[0].key, b"later", expected=made[0].mod_revision)
        with pytest.raises(UnusableError, match="has it open"):
            await asyncio.to_thread(restore, backup, path)
        await store.close()
        await asyncio.to_thread(restore, backup, path)
        again = await open_sqlite(path)
        assert list((await again.list("/")).records) == made
        with pytest.raises(CompactedError):
            await changes(again.watch("/", after=seen.mod_revision), 1)
        new = await again.update(made[0].key, b"other", expected=made[0].mod_revision)
        assert new.mod_revision > seen.mod_revision
        await again.close()

    run(body())


def test_restore_of_a_damaged_backup_leaves_the_store_as_it_was(path: Path, tmp_path: Path) -> None:
    async def body() -> None:
        made = await filled(path)
        bad = tmp_path / "bad.db"
        bad.write_bytes(b"nonsense" * 4000)
        for backup in (bad, tmp_path / "none.db"):
            with pytest.raises(StoreError, match="cannot"):
                await asyncio.to_thread(restore, backup, path)
        store = await open_sqlite(path)
        assert list((await store.list("/")).records) == made
        await store.close()
        assert names(tmp_path) == ["bad.db", "store.db", "store.db.lock"]

    run(body())


def test_restore_over_a_damaged_store(path: Path, tmp_path: Path) -> None:
    async def body() -> None:
        made = await filled(path)
        store = await open_sqlite(path)
        await store.backup(tmp_path / "backup.db")
        await store.close()
        await asyncio.to_thread(path.write_bytes, b"nonsense" * 4000)
        await asyncio.to_thread(restore, tmp_path / "backup.db", path)
        again = await open_sqlite(path)
        assert list((await again.list("/")).records) == made
        await again.close()

    run(body())
