# SPDX-License-Identifier: Apache-2.0
"""Reading a file that a container wrote into a volume: whatever it made there, nothing outside is read."""

import errno
import os
import stat
from pathlib import Path

from agent.volume import syscalls
from agent.volume.syscalls import Resolve
from agent.volume.walk import opened


def read_inside(volume: Path, path: str, limit: int) -> bytes:
    """At most limit bytes of a regular file of a volume. Raises OSError, also for a path that leads out."""
    with opened(volume, os.O_PATH | os.O_DIRECTORY) as base:
        # O_NONBLOCK: opening a FIFO that nobody writes to would wait.
        flags = os.O_RDONLY | os.O_NONBLOCK
        descriptor = syscalls.openat2(base, path, flags, Resolve.BENEATH | Resolve.NO_MAGICLINKS)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        return file.read(limit)
