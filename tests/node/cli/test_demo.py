# SPDX-License-Identifier: Apache-2.0
"""`orlop up --demo` and `orlop down` as a user runs them: what is printed, and that nothing stays."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.node

SECONDS = 120


@pytest.fixture
def root(no_leaks: None) -> Iterator[Path]:
    """A folder for a lab, removed with the lab, before the leak check looks."""
    folder = Path(tempfile.mkdtemp(prefix="ol-", dir="/tmp"))
    yield folder / "lab"
    orlop("down", "--root", str(folder / "lab"))
    shutil.rmtree(folder)


def orlop(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_demo_shows_the_request_the_limits_and_the_phases(root: Path) -> None:
    name = f"d{os.getpid()}"
    done = orlop("up", "--demo", "--name", name, "--root", str(root))
    assert done.returncode == 0, done.stderr
    assert "got: hello from web" in done.stdout
    path = re.search(r"-> (vclien\S+) \(\+(\d+) .*\n.*bridge orlop0\n.*-> (vweb\S+) \(\+(\d+)", done.stdout)
    assert path, done.stdout
    assert int(path[2]) > 0
    assert int(path[4]) > 0
    assert "memory 64Mi" in done.stdout
    assert "cpu    200m" in done.stdout
    for phase in ("pull", "sandbox", "network (in sandbox)", "create", "start"):
        assert re.search(rf"web .*{re.escape(phase)} \d+ ms", done.stdout), phase
    again = orlop("up", "--demo", "--name", name, "--root", str(root))
    assert again.returncode == 0, again.stderr
    assert "got: hello from web" in again.stdout
    down = orlop("down", "--root", str(root))
    assert down.returncode == 0, down.stderr
    assert not root.exists()
    assert "there was no lab" in orlop("down", "--root", str(root)).stderr


def test_up_refuses_a_folder_that_is_not_a_lab(root: Path) -> None:
    root.mkdir()
    (root / "thesis.txt").write_text("precious")
    done = orlop("up", "--root", str(root), "--name", f"r{os.getpid()}")
    assert done.returncode == 1
    assert "thesis.txt" in done.stderr
    assert "Traceback" not in done.stderr
    (root / "thesis.txt").unlink()
    root.rmdir()


def test_commands_on_a_lab_that_is_not_there_say_what_to_do(root: Path) -> None:
    for words in (("status",), ("logs", "web"), ("exec", "web", "true")):
        done = orlop(words[0], "--root", str(root), *words[1:])
        assert done.returncode == 1
        assert "orlop up" in done.stderr


def test_image_build_is_reproducible_and_loads(root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    first, second = root.parent / "a.tar", root.parent / "b.tar"
    for archive in (first, second):
        done = orlop("image", "build", "--builtin", "busybox", "-o", str(archive))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("docker.io/local/busybox:1 sha256:")
    assert first.read_bytes() == second.read_bytes()
    described = root.parent / "image.yaml"
    described.write_text("reference: docker.io/local/x:1\nfilez: {}\n")
    refused = orlop("image", "build", "-f", str(described), "-o", str(root.parent / "c.tar"))
    assert refused.returncode == 1
    assert "filez" in refused.stderr
    assert not (root.parent / "c.tar").exists()
