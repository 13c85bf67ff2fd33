# SPDX-License-Identifier: Apache-2.0
"""Rotation: names, counts, kills in the middle, followers that lose nothing, and writers without measure."""

import asyncio
import gzip
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.logs.cursor import Cursor
from agent.logs.files import rotated
from agent.logs.follow import open_cursor, read_log
from agent.logs.rotate import RotationPolicy, Rotator, RunningLog, compress_old, move_aside
from agent.logs.select import LogOptions
from cri import CriError
from tests.support.log_writer import LogWriter

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def writer(tmp_path: Path) -> LogWriter:
    return LogWriter(tmp_path / "app" / "0.log")


def names(writer: LogWriter) -> list[str]:
    return sorted(path.name for path in writer.path.parent.iterdir())


def rotate(writer: LogWriter, max_files: int = 5, now: datetime = NOON) -> None:
    move_aside(writer.path, max_files, now)
    writer.reopen_now()


def rotator(writer: LogWriter, **policy: float) -> Rotator:
    running = [RunningLog("c1", writer.path)]
    return Rotator(lambda: running, writer.reopen, RotationPolicy(**policy))  # type: ignore[arg-type]


def test_names_of_one_second_and_of_a_clock_that_goes_back(writer: LogWriter) -> None:
    for now in (NOON, NOON, NOON, NOON.replace(hour=11), NOON.replace(hour=13)):
        rotate(writer, 10, now)
    assert names(writer) == [
        "0.log",
        "0.log.20260101-120000",
        "0.log.20260101-120000.1",
        "0.log.20260101-120000.2",
        "0.log.20260101-120000.3",
        "0.log.20260101-130000",
    ]
    assert [str(file.stamp) for file in rotated(writer.path)][-1] == "20260101-130000"


@pytest.mark.parametrize(("max_files", "left"), [(1, 1), (2, 2), (3, 3), (5, 5)])
def test_no_more_files_than_asked_for(writer: LogWriter, max_files: int, left: int) -> None:
    for _ in range(7):
        writer.write(b"x")
        rotate(writer, max_files)
        compress_old(writer.path)
        assert len(names(writer)) <= left
    assert len(names(writer)) == left


def test_all_but_the_newest_are_compressed_and_what_a_kill_left_is_cleared(writer: LogWriter) -> None:
    for number in range(3):
        writer.write(b"%d" % number)
        rotate(writer, now=NOON.replace(minute=number))
    folder = writer.path.parent
    (folder / "0.log.20260101-120000.gz.tmp").write_bytes(b"half")
    (folder / "0.log.20260101-120100.gz").write_bytes(gzip.compress(b"done before the kill\n"))
    (folder / "other.txt").touch()
    compress_old(writer.path)
    assert names(writer) == [
        "0.log",
        "0.log.20260101-120000.gz",
        "0.log.20260101-120100.gz",
        "0.log.20260101-120200",
        "other.txt",
    ]
    assert gzip.decompress((folder / "0.log.20260101-120000.gz").read_bytes()).endswith(b"stdout F 0\n")


def test_only_what_is_too_large_is_rotated(writer: LogWriter) -> None:
    async def scene() -> None:
        rotate_it = rotator(writer, max_size=200)
        writer.write(b"small")
        await rotate_it.look(now=1)
        assert names(writer) == ["0.log"]
        writer.write(b"x" * 200)
        await rotate_it.look(now=3)
        assert len(names(writer)) == 2
        writer.write(b"after")
        assert writer.path.read_bytes().endswith(b"after\n")

    asyncio.run(scene())


def test_a_runtime_that_refuses_gets_its_file_back(
    writer: LogWriter, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        writer.write(b"x" * 200)
        writer.refusals = [CriError("reopen log of", "container c1", "UNKNOWN", "busy")]
        await rotator(writer, max_size=100).look()

    asyncio.run(scene())
    writer.write(b"after")
    assert names(writer) == ["0.log"]
    assert writer.path.read_bytes().endswith(b"after\n")
    assert "cannot rotate log" in caplog.text


def test_a_log_that_a_killed_agent_moved_is_opened_anew(writer: LogWriter) -> None:
    writer.write(b"before")
    move_aside(writer.path, 5, NOON)
    writer.write(b"while the agent was away")
    asyncio.run(rotator(writer).look())
    writer.write(b"after")
    assert read(writer) == [b"before", b"while the agent was away", b"after"]


def read(writer: LogWriter) -> list[bytes]:
    cursor = Cursor(writer.path, LogOptions())
    found = []
    while (pieces := cursor.read()) is not None:
        found += [text for _, text in pieces]
    cursor.close()
    return b"".join(found).splitlines()


def test_a_writer_without_measure_has_no_more_disk_than_files(writer: LogWriter) -> None:
    """5 MiB are written between two looks, 100 MiB in all."""
    megabyte = b"x" * (1 << 14)

    async def scene() -> int:
        rotate_it, largest = rotator(writer, max_size=1 << 20, max_files=3), 0
        for turn in range(20):
            for _ in range(320):
                writer.raw(writer.record(megabyte))
            largest = max(largest, sum(path.stat().st_size for path in writer.path.parent.iterdir()))
            await rotate_it.look(now=10.0 * (turn + 1))
        return largest

    assert asyncio.run(scene()) < 4 * (6 << 20)


ACTIONS = st.lists(st.sampled_from(["write", "rotate", "late", "pack", "read"]), max_size=40)


@settings(deadline=None)
@given(ACTIONS)
def test_a_follower_gets_every_line_once_whatever_happens_in_between(actions: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = LogWriter(Path(folder) / "0.log")
        cursor = Cursor(writer.path, LogOptions())
        seen: list[bytes] = []

        def look() -> None:
            while (pieces := cursor.read()) is not None:
                seen.extend(text for _, text in pieces)

        def line() -> None:
            writer.write(b"%d" % len(writer.written))

        for action in actions:
            match action:
                case "write":
                    line()
                case "rotate":
                    rotate(writer, 100)
                case "late":
                    move_aside(writer.path, 100, NOON)
                    look()
                    cursor.go_on()
                    line()
                    writer.reopen_now()
                case "pack":
                    compress_old(writer.path)
                case "read":
                    look()
                    cursor.go_on()
                    look()
        line()
        look()
        cursor.go_on()
        look()
        cursor.close()
        writer.close()
        assert b"".join(seen).splitlines() == writer.written


def test_following_ends_with_the_container_and_has_its_last_line(writer: LogWriter) -> None:
    running = [True]

    async def scene() -> list[bytes]:
        found: list[bytes] = []
        writer.write(b"first")
        cursor = await open_cursor(writer.path, LogOptions())
        async for piece in read_log(cursor, lambda: running[0], follow=True):
            found += piece.splitlines()
            if len(found) == 1:
                writer.write(b"second")
                rotate(writer)
                writer.write(b"third")
            if found[-1] == b"third":
                rotate(writer)
                writer.write(b"last")
                running[0] = False
        return found

    assert asyncio.run(scene()) == [b"first", b"second", b"third", b"last"]


def test_following_a_container_that_is_removed_ends(writer: LogWriter) -> None:
    async def scene() -> list[bytes]:
        found = []
        writer.write(b"only")
        cursor = await open_cursor(writer.path, LogOptions())
        async for piece in read_log(cursor, writer.path.exists, follow=True):
            found.append(piece)
            writer.path.unlink()
        return found

    assert asyncio.run(scene()) == [b"only\n"]
