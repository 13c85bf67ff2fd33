# SPDX-License-Identifier: Apache-2.0
"""Reading logs: the format, tails, times, limits, streams; over rotations; and files that no runtime wrote."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.logs.cursor import Cursor
from agent.logs.record import LONGEST, Lines, nanoseconds, parse, records
from agent.logs.rotate import compress_old
from agent.logs.select import LogOptions
from tests.support.log_writer import LogWriter


def output(path: Path, **options: object) -> bytes:
    cursor = Cursor(path, LogOptions(**options))  # type: ignore[arg-type]
    try:
        pieces = []
        while (found := cursor.read()) is not None:
            pieces += found
        pieces += cursor.rest()
        return b"".join(text for _, text in pieces)
    finally:
        cursor.close()


def test_lines_and_parts() -> None:
    line = b"2026-01-02T03:04:05.678901234Z stdout P hel\n"
    assert parse(line).text == b"hel"
    assert not parse(line).ends_line
    assert parse(b"t stderr F lo\n").text == b"lo\n"
    assert parse(b"t stderr F:x  spaces \n").text == b" spaces \n"
    assert parse(b"t stdout F\n").text == b"\n"
    assert parse(b"{json}\n").text == b"{json}\n"
    assert parse(b"t stdin F x\n").text == b"t stdin F x\n"


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_no_byte_of_what_is_no_log_is_lost(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    cut = [whole[at : at + size] for at in range(0, len(whole), size)]
    lines = Lines()
    fed = [line for block in cut for line in lines.feed(block)]
    assert b"".join([*fed, *lines.end()]) == whole
    expected = [parse(line + b"\n").text for line in whole.split(b"\n")[:-1]]
    assert [record.text for record in records(cut)][: len(expected)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1970-01-01T00:00:01.5Z", 1_500_000_000),
        (b"1970-01-01T01:00:00.000000001+01:00", 1),
        (b"1970-01-01T00:00:02Z", 2_000_000_000),
        (b"1970-01-01T00:00:00.1234567891Z", 123_456_789),
        (b"1970-01-01T00:00:00", None),
        (b"yesterday", None),
        (b"\xff", None),
    ],
)
def test_times(text: bytes, expected: int | None) -> None:
    assert nanoseconds(text) == expected


LINE = st.tuples(
    st.sampled_from(["stdout", "stderr"]), st.lists(st.binary(max_size=300), min_size=1, max_size=3)
)


@given(
    st.lists(LINE, max_size=30), st.lists(st.integers(0, 30), max_size=3), st.integers(0, 32), st.booleans()
)
def test_tails_reach_over_rotations(
    lines: list[tuple[str, list[bytes]]], cuts: list[int], tail: int, packed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.log"
        writer = LogWriter(path)
        shown = []
        for number, (stream, parts) in enumerate(lines):
            if number in cuts:
                path.rename(path.with_name(f"0.log.20260101-0000{number:02}"))
                writer.reopen_now()
            parts = [part.replace(b"\n", b"") for part in parts]
            for part in parts[:-1]:
                writer.write(part, stream, "P")
            writer.write(parts[-1], stream)
            shown.append((stream, b"".join(parts) + b"\n"))
        writer.close()
        if packed:
            compress_old(path)
        assert output(path) == b"".join(text for _, text in shown)
        assert output(path, tail=tail) == b"".join(
            text for _, text in shown[len(shown) - min(tail, len(shown)) :]
        )
        errors = [text for stream, text in shown if stream == "stderr"]
        only = frozenset({b"stderr"})
        assert output(path, tail=tail, streams=only) == b"".join(
            errors[len(errors) - min(tail, len(errors)) :]
        )


@pytest.fixture
def writer(tmp_path: Path) -> LogWriter:
    return LogWriter(tmp_path / "app" / "0.log")


def test_times_limits_and_streams(writer: LogWriter) -> None:
    writer.write(b"zero")
    writer.write(b"o", tag="P")
    writer.write(b"ne")
    writer.write(b"two", "stderr")
    time = "2026-01-02T03:04:05."
    assert output(writer.path, timestamps=True).decode().splitlines() == [
        f"{time}000000000Z zero",
        f"{time}001000000Z one",
        f"{time}003000000Z two",
    ]
    at = nanoseconds(f"{time}002Z".encode())
    assert output(writer.path, since=at) == b"ne\ntwo\n"
    assert output(writer.path, since=at, tail=5, streams=frozenset({b"stdout"})) == b"ne\n"
    assert output(writer.path, since=(at or 0) * 2) == b""
    assert output(writer.path, limit=7) == b"zero\non"
    assert output(writer.path, limit=0) == b""
    assert output(writer.path, tail=1, limit=2) == b"tw"


def test_a_line_that_is_being_written_is_held_back_until_it_is_whole(writer: LogWriter) -> None:
    line = writer.record(b"hello")
    writer.raw(line[:-3])
    cursor = Cursor(writer.path, LogOptions())
    assert cursor.read() == []
    assert cursor.read() is None
    writer.raw(line[-3:])
    assert cursor.read() == [(b"stdout", b"hello\n")]
    cursor.close()
    writer.raw(line[:-3])
    assert output(writer.path) == b"hello\nhel\n", "of a file that ends there"
    assert output(writer.path, tail=1) == b"hel\n"


def test_there_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Cursor(tmp_path / "none" / "0.log", LogOptions())


HOSTILE = {
    "binary": bytes(range(256)) * 4000,
    "no newline": b"x" * (3 * LONGEST),
    "one long line": b"2026-01-02T03:04:05Z stdout F " + b"y" * (3 * LONGEST) + b"\n",
    "newlines": b"\n" * 100_000,
    "carriage returns": b"\r" * 100_000,
    "half a line": b"2026-01-02T03:04:05Z stdo",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_read_in_pieces(writer: LogWriter, name: str) -> None:
    writer.raw(HOSTILE[name])
    cursor = Cursor(writer.path, LogOptions())
    longest = 0
    while (pieces := cursor.read()) is not None:
        longest = max(longest, sum(len(text) for _, text in pieces))
    cursor.close()
    assert longest <= 2 * LONGEST
    assert output(writer.path)[-10:] in HOSTILE[name] + b"\n"
    for tail in (0, 1, 5):
        assert len(output(writer.path, tail=tail)) <= len(HOSTILE[name]) + 1


def test_a_packed_file_that_is_cut_off_gives_what_it_has(writer: LogWriter) -> None:
    packed = gzip.compress(b"".join(writer.record(b"%d" % n) for n in range(10_000)))
    writer.path.with_name("0.log.20260101-000000.gz").write_bytes(packed[: len(packed) // 2])
    writer.path.with_name("0.log.20260102-000000.gz").write_bytes(b"no gzip")
    writer.write(b"last")
    shown = output(writer.path).splitlines()
    assert shown[0] == b"0"
    assert shown[-1] == b"last"
    assert output(writer.path, tail=1) == b"last\n"
    # What was cut off is shown and not counted.
    assert len(output(writer.path, tail=10).splitlines()) == 11
