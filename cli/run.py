# SPDX-License-Identifier: Apache-2.0
"""The command line's only door to other programs: kubectl, where it is installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

SECONDS: Final = 20.0


def kubectl(kubeconfig: Path, *words: str) -> str | None:
    """What kubectl prints, its complaints included; None where it is not installed or does not answer."""
    program = shutil.which("kubectl")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--kubeconfig", str(kubeconfig), *words],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout + done.stderr
