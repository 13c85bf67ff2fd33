# SPDX-License-Identifier: Apache-2.0
"""A real full disk and a real read-only one, in a mount namespace of the test's own."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.node

ROOT = Path(__file__).resolve().parents[3]


def said(mode: str, folder: Path) -> list[str]:
    command = ["unshare", "--mount", "--propagation", "private", "--", sys.executable]
    command += ["-m", "tests.support.store_disk", mode, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk_refuses_writes_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    told = said("full", tmp_path)
    assert len(told) == 2
    for line in told:
        assert line.startswith(
            f"UnavailableError: cannot write {tmp_path}/store.db: database or disk is full; make room"
        )


def test_a_read_only_file_system_is_told_at_the_start(tmp_path: Path) -> None:
    (line,) = said("readonly", tmp_path)
    assert line.startswith(f"UnavailableError: cannot open {tmp_path}/store.db: ")
    assert line.endswith("writable")
