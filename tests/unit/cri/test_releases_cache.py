# SPDX-License-Identifier: Apache-2.0
"""The cache of containerd releases: whole folders or none, and clear words where apt cannot help."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.support import releases
from tests.support.releases import Apt, NoSuchReleaseError, Release


def make(cache: Path, name: str) -> str:
    """What every process does: the first one makes the folder, the others find it."""
    with releases._locked(cache, name) as folder:
        if not folder.exists():
            with releases._staged(folder) as stage:
                (stage / "made").write_text("once")
                (cache / "makers").open("a").write("x")
    return (folder / "made").read_text()


def test_processes_make_a_folder_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert list(pool.map(make, [tmp_path] * 8, ["a"] * 8)) == ["once"] * 8
    assert (tmp_path / "makers").read_text() == "x"


def test_a_folder_that_could_not_be_made_is_not_there(tmp_path: Path) -> None:
    def fails_half_way() -> None:
        with releases._staged(tmp_path / "a") as stage:
            (stage / "half").write_text("")
            raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        fails_half_way()
    assert list(tmp_path.iterdir()) == []


def test_the_name_follows_from_what_goes_in() -> None:
    one, two = Release("1.7", ("trixie",)), Release("1.7", ("sid",))
    assert releases.key(one) == releases.key(one)
    assert releases.key(one) != releases.key(two)
    assert releases.key(one).startswith("containerd-1.7-")


def test_a_machine_without_debians_archive(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/vendor.list").write_text("deb http://vendor.test/apt any main\n")
    with pytest.raises(NoSuchReleaseError, match="not configured with the archive"):
        Apt(tmp_path / "root", etc=tmp_path).versions("sid", "containerd")


def test_a_release_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchReleaseError, match=r"the installed one is |not installed: "):
        releases._installed(Release("0.9", ()), tmp_path)
