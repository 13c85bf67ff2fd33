# SPDX-License-Identifier: Apache-2.0
"""No acknowledged write is lost, and none is done twice, when the writing process is killed at any moment."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
KILLS = 100
"""About 4 s; ORLOP_STORE_KILLS=3000 is for a night."""


def kills(folder: Path, count: int) -> dict[str, int]:
    # By itself: a process with threads, such as a test worker, must not fork.
    seed = random.randrange(1 << 30)
    command = [sys.executable, "-m", "tests.support.store_kills", str(folder), str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    return dict(json.loads(done.stdout))


def test_killed_at_random_moments(tmp_path: Path) -> None:
    told = kills(tmp_path, KILLS)
    assert told["kills"] == KILLS
    assert told["acknowledged"] > 1000


@pytest.mark.slow
@pytest.mark.skipif(
    "ORLOP_STORE_KILLS" not in os.environ, reason="ORLOP_STORE_KILLS says how many; takes minutes"
)
def test_killed_thousands_of_times(tmp_path: Path) -> None:
    count = int(os.environ["ORLOP_STORE_KILLS"])
    assert kills(tmp_path, count)["acknowledged"] > 10 * count
