# SPDX-License-Identifier: Apache-2.0
"""Log files: the layout, the links for collectors, and the CRI format."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.pod import labels, logs
from cri.model import ContainerConfig, SandboxConfig, SandboxMetadata

LINE = "2026-01-02T03:04:05.678901234Z {} {} {}\n"


def test_full_lines_and_parts() -> None:
    lines = [
        LINE.format("stdout", "P", "hel"),
        LINE.format("stdout", "F", "lo"),
        LINE.format("stderr", "F", ""),
    ]
    found = list(logs.parse(lines))
    assert [(line.stream, line.text) for line in found] == [
        ("stdout", "hel"),
        ("stdout", "lo\n"),
        ("stderr", "\n"),
    ]
    assert found[0].time == "2026-01-02T03:04:05.678901234Z"


@given(st.text())
def test_no_line_is_lost_and_none_raises(text: str) -> None:
    assert len(list(logs.parse([text]))) == 1


def test_links_go_with_their_logs(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "default_web_u1"
    sandbox = SandboxConfig(SandboxMetadata("web", "default", "u1"), log_directory=str(folder))
    config = ContainerConfig("app", "busybox", log_path="app/0.log", labels={labels.CONTAINER_NAME: "app"})
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "0.log").write_text("")
    logs.link(tmp_path, sandbox, config, "c1")
    link = tmp_path / "containers" / "web_default_app-c1.log"
    assert link.resolve() == folder / "app" / "0.log"
    logs.remove_log(tmp_path, str(folder / "app" / "0.log"))
    assert not link.is_symlink()


def test_a_log_outside_the_folder_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("x")
    logs.remove_log(tmp_path / "logs", str(outside))
    assert outside.exists()


def test_attempts_are_in_order_of_number(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "default_web_u1" / "app"
    folder.mkdir(parents=True)
    for attempt in (10, 9, 2):
        (folder / f"{attempt}.log").write_text("")
    assert [p.stem for p in logs.log_files(tmp_path, "default", "web", "app")] == ["2", "9", "10"]
    assert logs.containers_with_logs(tmp_path, "default", "web") == ["app"]
