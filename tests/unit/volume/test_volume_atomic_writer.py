# SPDX-License-Identifier: Apache-2.0
"""The content of a volume is always all old or all new, also when the writer is killed at any of its steps."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.volume.atomic_writer import DATA, File, FolderMode, check_path, read_file, write
from agent.volume.errors import VolumeError


def payload(**texts: str) -> dict[str, File]:
    """Files by name; "__" stands for a slash."""
    return {name.replace("__", "/"): File(text.encode(), 0o644) for name, text in texts.items()}


def visible(folder: Path) -> dict[str, str]:
    """What a container can open by the names that it sees."""
    found = {}
    for path in folder.iterdir():
        if path.name.startswith("..") or not path.exists():
            continue
        files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
        found |= {str(f.relative_to(folder)): f.read_bytes().decode("latin-1") for f in files}
    return found


def leftovers(folder: Path) -> list[str]:
    """Names of the writer's own beyond the two that it needs, and links that lead nowhere."""
    own = {path.name for path in folder.iterdir() if path.name.startswith("..")}
    dangling = [path.name for path in folder.iterdir() if not path.exists()]
    return sorted(own - {DATA, str((folder / DATA).readlink())}) + dangling


STEPS = [
    ("first", {}, {"a": "1", "d__b": "2"}),
    ("changed", {"a": "1", "b": "1"}, {"a": "2", "b": "2"}),
    ("one more", {"a": "1"}, {"a": "1", "b": "2"}),
    ("one less", {"a": "1", "b": "1"}, {"a": "1"}),
    ("file becomes folder", {"a": "1"}, {"a__b": "2"}),
    ("folder becomes file", {"a__b": "2", "a__c__d": "3"}, {"a": "1"}),
    ("emptied", {"a": "1"}, {}),
    ("all others", {"a": "1", "b": "2"}, {"c": "3", "d__e": "4"}),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_content_becomes_exactly_what_was_asked_for(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    write(tmp_path, payload(**before))
    assert write(tmp_path, payload(**after))
    assert visible(tmp_path) == {name.replace("__", "/"): text for name, text in after.items()}
    assert leftovers(tmp_path) == []


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    write(tmp_path, payload(a="1", d__b="2"))
    version = (tmp_path / DATA).readlink()
    assert not write(tmp_path, payload(a="1", d__b="2"))
    assert (tmp_path / DATA).readlink() == version


@pytest.mark.parametrize(
    "other",
    [File(b"2", 0o644), File(b"1", 0o600), File(b"1", 0o644, uid=7), File(b"1", 0o644, gid=7)],
    ids=["content", "mode", "uid", "gid"],
)
def test_content_mode_and_owner_count_as_change(tmp_path: Path, other: File) -> None:
    if os.geteuid() != 0 and (other.uid or other.gid):
        pytest.skip("giving files away needs root")
    write(tmp_path, {"a": File(b"1", 0o644)})
    assert write(tmp_path, {"a": other})
    status = (tmp_path / "a").stat()
    assert status.st_mode & 0o7777 == other.mode
    assert (tmp_path / "a").read_bytes() == other.data
    assert status.st_uid == (os.geteuid() if other.uid is None else other.uid)
    assert status.st_gid == (os.getegid() if other.gid is None else other.gid)


def test_folders_get_their_mode_and_group(tmp_path: Path) -> None:
    write(tmp_path, payload(d__e__f="1"), FolderMode(0o2755, os.getegid()))
    for path in (tmp_path / DATA, tmp_path / "d", tmp_path / "d/e"):
        assert path.stat().st_mode & 0o7777 == 0o2755


def test_an_open_file_keeps_its_old_content(tmp_path: Path) -> None:
    write(tmp_path, payload(a="old"))
    with (tmp_path / "a").open() as reader:
        write(tmp_path, payload(a="new"))
        assert reader.read() == "old"
    assert (tmp_path / "a").read_text() == "new"


def test_what_the_runtime_made_inside_stays(tmp_path: Path) -> None:
    write(tmp_path, payload(a="1"))
    (tmp_path / "mountpoint").mkdir()
    write(tmp_path, payload(b="2"))
    assert (tmp_path / "mountpoint").is_dir()
    with pytest.raises(FileExistsError):
        write(tmp_path, payload(mountpoint="3"))
    assert visible(tmp_path) == {"b": "2"}


HOSTILE = [
    "",
    "/etc/passwd",
    "..",
    "../a",
    "a/../../b",
    "a/..",
    "..data",
    "..data/a",
    "..hidden",
    "...",
    "a\0b",
    "a" * 256,
    "é" * 128,
    "a/" * 2048 + "a",
]


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: repr(path[:12]))
def test_a_path_that_leads_out_is_refused_and_nothing_is_touched(tmp_path: Path, path: str) -> None:
    write(tmp_path, payload(a="1"))
    with pytest.raises(VolumeError, match="cannot write file"):
        write(tmp_path, {"a": File(b"2", 0o644), path: File(b"evil", 0o644)})
    assert visible(tmp_path) == {"a": "1"}
    assert check_path(path)


@pytest.mark.parametrize("path", ["a", "a/b", "a/..b", ".hidden", "a//./b", "é"])
def test_ordinary_paths_are_accepted(path: str) -> None:
    assert check_path(path) == ""


def test_a_file_cannot_be_a_folder_too(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="is a file, not a folder"):
        write(tmp_path, payload(a="1", a__b="2"))


def test_reading_back(tmp_path: Path) -> None:
    assert read_file(tmp_path, "token") is None
    write(tmp_path, payload(token="t", d__e="x"))
    assert read_file(tmp_path, "token") == b"t"
    assert read_file(tmp_path, "d/e") == b"x"
    assert read_file(tmp_path, "token/x") is None


def test_a_repr_does_not_show_content() -> None:
    assert "hunter2" not in repr(File(b"hunter2", 0o600))


names = st.lists(st.sampled_from(["a", "b", ".c", "d e"]), min_size=1, max_size=3).map("/".join)
contents = st.dictionaries(names, st.binary(max_size=8), max_size=5).filter(
    lambda files: not any(one != other and one.startswith(f"{other}/") for one in files for other in files)
)


@given(histories=st.lists(contents, min_size=1, max_size=4))
def test_any_history_ends_with_the_last_content(
    histories: list[dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("volume")
    for files in histories:
        write(folder, {path: File(data, 0o644) for path, data in files.items()})
    assert visible(folder) == {path: data.decode("latin-1") for path, data in histories[-1].items()}
    assert leftovers(folder) == []


CHANGES = {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.chmod", "os.chown"}


def write_and_die(folder: Path, files: Mapping[str, File], stop: int) -> int:
    """Write in a child that kills itself before its change number `stop` of the file system; how it ended.

    Python announces each such system call by an audit event.
    """
    child = os.fork()
    if child == 0:
        count = 0

        def audit(event: str, args: tuple[object, ...]) -> None:
            nonlocal count
            creates = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
            if event in CHANGES or creates:
                if count == stop:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        sys.addaudithook(audit)
        try:
            write(folder, files)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_killed_at_any_step_the_view_is_whole(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    old = {name.replace("__", "/"): text for name, text in before.items()}
    new = {name.replace("__", "/"): text for name, text in after.items()}
    seen = set()
    for step in range(100):
        folder = tmp_path / str(step)
        folder.mkdir()
        write(folder, payload(**before))
        ended = write_and_die(folder, payload(**after), step)
        view = visible(folder)
        assert view in (old, new), f"mixed after step {step}"
        seen.add(view == new)
        write(folder, payload(**after))
        assert (visible(folder), leftovers(folder)) == (new, [])
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    else:
        pytest.fail("the writer never came to its end")
    assert seen == {False, True}
