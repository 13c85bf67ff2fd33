# SPDX-License-Identifier: Apache-2.0
"""The real kubectl against a server of a test, with a HOME of its own (it keeps discovery there)."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.control_plane import control_plane

SECONDS = 120


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig."""

    home: Path
    kubeconfig: Path
    program: str = "kubectl"

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """What it prints, both streams; AssertionError when it fails and check is true."""
        done = self.call(*arguments, stdin=stdin)
        told = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{told}"
        return told

    def call(self, *arguments: str, stdin: str = "", editor: str = "") -> subprocess.CompletedProcess[str]:
        """The same, whole; editor is a sed script that stands for the user's editor."""
        env = {**self.env, "KUBE_EDITOR": self._editor(editor)} if editor else self.env
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=env,
        )

    def apply(self, manifest: str, *arguments: str) -> str:
        """kubectl apply of a text."""
        return self.run("apply", "-f", "-", *arguments, stdin=manifest)

    def command(self, *arguments: str) -> list[str]:
        """For those that start it themselves."""
        return [self.program, "--kubeconfig", str(self.kubeconfig), *arguments]

    @property
    def env(self) -> dict[str, str]:
        """PATH and the HOME, nothing of the user's."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBE_EDITOR": "false"}

    def _editor(self, script: str) -> str:
        """A program that edits once: kubectl opens the editor again until what it saves is accepted or unchanged."""
        path, done, sed = (self.home / name for name in ("editor", "edited", "sed"))
        sed.write_text(script)
        done.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\n[ -e "{done}" ] || {{ : > "{done}"; sed -i -f "{sed}" "$1"; }}\n')
        path.chmod(0o755)
        return str(path)


def minor_of(program: str) -> int:
    """The minor version of a kubectl: 32 of v1.32.4."""
    told = subprocess.run(
        [program, "version", "--client"], capture_output=True, text=True, timeout=SECONDS, check=True
    ).stdout
    found = re.search(r"v1\.(\d+)\.", told)
    assert found, told
    return int(found[1])


@contextmanager
def served(folder: Path, program: str = "kubectl") -> Iterator[Kubectl]:
    """kubectl as the administrator of a control plane that runs inside the block."""
    with control_plane(folder) as kubeconfig:
        (folder / "home").mkdir()
        yield Kubectl(folder / "home", kubeconfig, program)


def kubectl_or_skip() -> None:
    """Skip where it is not installed."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
