# SPDX-License-Identifier: Apache-2.0
"""The committed stubs are current, and the program that says so sees every way in which they may not be."""

import shutil
from pathlib import Path

import pytest

from proto import generate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project: one .proto file, and its stubs."""
    source = tmp_path / "proto/cri/v1/thing.proto"
    source.parent.mkdir(parents=True)
    source.write_text('syntax = "proto3";\npackage thing;\nmessage Thing { string name = 1; }\n')
    assert generate.main([], tmp_path) == 0
    return tmp_path


def test_the_committed_stubs_are_current() -> None:
    generate.check(ROOT)


def test_generated_twice_is_the_same(project: Path) -> None:
    before = generate.committed(project)
    assert generate.main([], project) == 0
    assert generate.committed(project) == before
    assert generate.main(["--check"], project) == 0


def test_a_stale_stub_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "cri/v1/thing_pb2.py").write_text("old\n")
    assert generate.main(["--check"], project) == 1
    assert "cri/v1/thing_pb2.py is not current" in capsys.readouterr().err
    assert (project / "cri/v1/thing_pb2.py").read_text() == "old\n"


def test_a_missing_stub_is_named(project: Path) -> None:
    (project / "cri/v1/thing_pb2.pyi").unlink()
    with pytest.raises(generate.GenerateError, match=r"cri/v1/thing_pb2.pyi is missing.*\./dev proto"):
        generate.check(project)


def test_a_left_over_stub_is_named_and_removed(project: Path) -> None:
    shutil.copy(project / "cri/v1/thing_pb2.py", project / "cri/v1/gone_pb2.py")
    with pytest.raises(generate.GenerateError, match=r"cri/v1/gone_pb2\.py has no \.proto file"):
        generate.check(project)
    assert generate.main([], project) == 0
    assert not (project / "cri/v1/gone_pb2.py").exists()


def test_a_broken_proto_file_is_refused_and_nothing_is_written(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "proto/cri/v1/broken.proto").write_text('syntax = "proto3";\nmessage Broken {\n')
    before = generate.committed(project)
    assert generate.main([], project) == 1
    assert "broken.proto" in capfd.readouterr().err
    assert generate.committed(project) == before
