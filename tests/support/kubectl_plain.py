# SPDX-License-Identifier: Apache-2.0
"""kubectl against a server on loopback without TLS, with a home of its own."""

import os
import subprocess
from pathlib import Path


def kubectl(
    url: str, home: Path, *arguments: str, text: str = "", program: str = "kubectl"
) -> subprocess.CompletedProcess[str]:
    """text is its standard input. Discovery is cached below home: give each server another."""
    environment = {"HOME": str(home), "KUBECONFIG": "/dev/null", "PATH": os.environ["PATH"]}
    command = [program, "--server", url, *arguments]
    return subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False
    )
