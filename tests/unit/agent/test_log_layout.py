# SPDX-License-Identifier: Apache-2.0
"""Log files: the layout, and the links for collectors."""

from pathlib import Path

from agent.logs import layout as logs
from agent.pod import labels
from cri.model import ContainerConfig, SandboxConfig, SandboxMetadata


def test_links_go_with_their_logs(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "default_web_u1"
    sandbox = SandboxConfig(SandboxMetadata("web", "default", "u1"), log_directory=str(folder))
    config = ContainerConfig("app", "busybox", log_path="app/0.log", labels={labels.CONTAINER_NAME: "app"})
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "0.log").write_text("")
    logs.link(tmp_path, sandbox, config, "c1")
    aside = folder / "app" / "0.log.20260101-000000.gz"
    other = folder / "app" / "10.log"
    for path in (aside, other):
        path.write_text("")
    link = tmp_path / "containers" / "web_default_app-c1.log"
    assert link.resolve() == folder / "app" / "0.log"
    logs.remove_log(tmp_path, str(folder / "app" / "0.log"))
    assert not link.is_symlink()
    assert not aside.exists()
    assert other.exists()


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
