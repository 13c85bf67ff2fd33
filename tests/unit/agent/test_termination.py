# SPDX-License-Identifier: Apache-2.0
"""Termination messages: the file, the end of the log, the limits, and files that a container made hostile."""

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1

from agent.pod.model import ObservedContainer
from agent.pod.termination import TerminationFiles
from cri.model import ContainerState
from tests.unit.agent.builders import container, observed, pod, sandbox

APP = core_v1.Container(name="app", terminationMessagePath="/tmp/why", terminationMessagePolicy="File")


def ended(log: Path, *, exit_code: int = 1) -> ObservedContainer:
    made = container("app", ContainerState.EXITED, exit_code=exit_code, finished=999)
    return ObservedContainer(made.sandbox_id, replace(made.status, log_path=str(log)))


def message(root: Path, *, policy: str = "File", log: bytes = b"", exit_code: int = 1, names: int = 1) -> str:
    (root / "app.log").write_bytes(log)
    desired = pod("app", *(f"c{number}" for number in range(1, names)))
    for each in desired.pod.spec.containers:
        each.terminationMessagePolicy = policy
    seen = observed(sandbox(), ended(root / "app.log", exit_code=exit_code))
    [text] = TerminationFiles(root).read_all("u1", desired.pod, seen, {}).values()
    return text


def written(root: Path, content: bytes) -> Path:
    mount = TerminationFiles(root).make("u1", APP, 0)
    path = Path(mount.host_path)
    path.write_bytes(content)
    return path


LINES = b"".join(b"2026-01-01T00:00:00.0Z stderr F line %d\n" % number for number in range(1000))


def test_the_file_is_mounted_where_the_container_wants_it_and_open_to_every_user(tmp_path: Path) -> None:
    mount = TerminationFiles(tmp_path).make("u1", APP, 0)
    assert (mount.container_path, mount.readonly) == ("/tmp/why", False)
    assert Path(mount.host_path).stat().st_mode & 0o777 == 0o666
    default = TerminationFiles(tmp_path).make(
        "u1", msgspec.structs.replace(APP, terminationMessagePath=None), 1
    )
    assert default.container_path == "/dev/termination-log"


@pytest.mark.parametrize(
    ("content", "policy", "exit_code", "expected"),
    [
        (b"disk full", "File", 1, "disk full"),
        (b"done", "File", 0, "done"),
        (b"", "File", 1, ""),
        (b"disk full", "FallbackToLogsOnError", 1, "disk full"),
        (b"", "FallbackToLogsOnError", 0, ""),
        (b"a\xffb\0c", "File", 1, "a\N{REPLACEMENT CHARACTER}bc"),
    ],
)
def test_what_is_said(tmp_path: Path, content: bytes, policy: str, exit_code: int, expected: str) -> None:
    written(tmp_path, content)
    assert message(tmp_path, policy=policy, log=LINES, exit_code=exit_code) == expected


def test_the_end_of_the_log_says_what_the_file_does_not(tmp_path: Path) -> None:
    written(tmp_path, b"")
    text = message(tmp_path, policy="FallbackToLogsOnError", log=LINES)
    assert text.splitlines() == [f"line {number}" for number in range(920, 1000)]
    assert message(tmp_path, policy="FallbackToLogsOnError", log=b"") == ""
    long = b"2026-01-01T00:00:00.0Z stderr F " + b"x" * 5000 + b"\n"
    assert len(message(tmp_path, policy="FallbackToLogsOnError", log=long)) == 2048


@pytest.mark.parametrize(("names", "length"), [(1, 4096), (3, 4096), (6, 2048)])
def test_the_limits_of_container_and_pod(tmp_path: Path, names: int, length: int) -> None:
    written(tmp_path, b"x" * 100_000)
    assert len(message(tmp_path, names=names)) == length


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "gone"])
def test_what_is_no_file_says_nothing(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, b"")
    path.unlink()
    match kind:
        case "link":
            path.symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    assert message(tmp_path) == ""


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    desired, one = pod("app"), ended(tmp_path / "app.log")
    known = {one.status.id: "before"}
    assert TerminationFiles(tmp_path).read_all("u1", desired.pod, observed(sandbox(), one), known) == known


def test_each_attempt_has_a_file_of_its_own(tmp_path: Path) -> None:
    files = TerminationFiles(tmp_path)
    paths = {files.make("u1", APP, attempt).host_path for attempt in (0, 1)}
    assert len(paths) == 2
    files.remove("u1", "app", 0)
    files.remove("u1", "app", 0)
    assert [path.name for path in Path(paths.pop()).parent.iterdir()] == ["1"]
