# SPDX-License-Identifier: Apache-2.0
"""One `up` or `down` of a lab at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

PATIENCE = 60.0
"""Seconds. The longest `up` or `down` that is waited for."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lock while it is held. current: the folder is still there; descriptor: for a process that shares it."""

    current: bool
    descriptor: int


@contextmanager
def locked(root: Path, patience: float = PATIENCE) -> Iterator[Held]:
    """Hold the lab's root folder; LabError when another one holds it for too long.

    The lock is on the folder itself, so that `down` can remove the folder while it holds it. The block is told
    whether the folder is still at `root`: not when a `down` has taken it away meanwhile.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield Held(current=False, descriptor=-1)
        return
    try:
        _wait(descriptor, root, time.monotonic() + patience)
        yield Held(_is_current(root, descriptor), descriptor)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, root: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LabError(
                    f"cannot work on the lab in {root}: another `orlop up` or `down` is at it"
                ) from None
            time.sleep(0.02)
            continue
        return


def _is_current(root: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(root.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
