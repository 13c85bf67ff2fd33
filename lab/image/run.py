# SPDX-License-Identifier: Apache-2.0
"""The door to other programs: busybox, and ctr, containerd's own client."""

import shlex
import subprocess
from pathlib import Path

from lab.image.errors import ImageError, ImageLoadError

_NAMESPACE = "k8s.io"
# An import is a copy of some megabytes on one disk; a machine that needs longer is stuck.
_TIMEOUT_SECONDS = 120


def list_applets(busybox: Path) -> tuple[str, ...]:
    """The names that this busybox answers to, sorted."""
    command = [str(busybox), "--list"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise ImageError(f"cannot list the applets of busybox with {shlex.join(command)}: {error}") from error
    return tuple(sorted({line for line in done.stdout.splitlines() if line and "/" not in line}))


def run_ctr(ctr: str, socket: Path, *arguments: str) -> str:
    """Run ctr against the containerd at `socket`, in the namespace that CRI uses; gives what it prints."""
    command = [ctr, "--address", str(socket), "--namespace", _NAMESPACE, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    except FileNotFoundError as error:
        raise ImageLoadError(
            f"cannot talk to containerd: the program {ctr} is missing; Debian's package containerd has it"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageLoadError(f"cannot run {shlex.join(command)}: {error}") from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or "it said nothing"
        raise ImageLoadError(f"cannot run {shlex.join(command)}: exit code {done.returncode}: {said}")
    return done.stdout
