# SPDX-License-Identifier: Apache-2.0
"""The linters are tests, so that nobody lands what they refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy --strict": ["mypy"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_linter_is_content(name: str) -> None:
    module, *arguments = COMMANDS[name]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{name} says:\n{done.stdout}{done.stderr}"


def test_dev_script_parses() -> None:
    for script in ("dev", ".ci/run"):
        done = subprocess.run(["bash", "-n", str(ROOT / script)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_python_file_names_its_licence() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    bare = [
        name
        for name in listed
        if (ROOT / name).is_file()
        and not name.endswith(("_pb2.py",))
        and "SPDX-License-Identifier: Apache-2.0" not in (ROOT / name).read_text()[:200]
    ]
    assert bare == []
