# SPDX-License-Identifier: Apache-2.0
"""Tests that mount: in a child with a mount namespace of its own, so that the kernel takes everything away again."""

import functools
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import pytest

from agent.volume.syscalls import MountFlag, mount
from lab.syscalls import unshare

CLONE_NEWNS = 0x20000
"""sched.h"""
SECONDS = 300
"""What a test may take at most, and each process that it forks; alarms are not inherited."""

P = ParamSpec("P")


def in_mount_namespace(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a child whose mounts nobody else sees; its failure is the test's, with the child's traceback."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os._exit(_run_inside(writer, lambda: test(*args, **kwargs)))
        os.close(writer)
        with os.fdopen(reader) as told:
            words = told.read()
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert (ended, words) == (0, ""), f"in the mount namespace:\n{words}"

    return run


def _run_inside(writer: int, action: Callable[[], None]) -> int:
    # A test that hangs fails, instead of keeping everybody waiting.
    signal.alarm(SECONDS)
    try:
        unshare(CLONE_NEWNS)
        mount("none", Path("/"), flags=MountFlag.RECURSIVE | MountFlag.PRIVATE)
        action()
    except BaseException:  # noqa: BLE001 - told to the parent
        os.write(writer, traceback.format_exc().encode())
        return 1
    return 0
