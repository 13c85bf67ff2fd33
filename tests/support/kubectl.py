# SPDX-License-Identifier: Apache-2.0
"""The real kubectl against a server of a test, with a HOME of its own (it keeps discovery there)."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig."""

    home: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """What it prints, both streams; AssertionError when it fails and check is true."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.env,
        )
        told = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{told}"
        return told

    def apply(self, manifest: str, *arguments: str) -> str:
        """kubectl apply of a text."""
        return self.run("apply", "-f", "-", *arguments, stdin=manifest)

    def command(self, *arguments: str) -> list[str]:
        """For those that start it themselves."""
        return ["kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]

    @property
    def env(self) -> dict[str, str]:
        """PATH and the HOME, nothing of the user's."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBE_EDITOR": "false"}


def kubectl_or_skip() -> None:
    """Skip where it is not installed."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
