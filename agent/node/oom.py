# SPDX-License-Identifier: Apache-2.0
"""Which containers lost a process to the kernel's OOM killer, from the kernel's own log.

containerd learns it from an event of the cgroup, and loses it when the container is gone before the event is read; the
log line stays. It names the victim's cgroup, whose last part carries the container's id (mm/oom_kill.c,
dump_oom_victim): "oom-kill:constraint=...,task_memcg=/…/<id>,task=…,pid=…,uid=…".
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("orlop.agent")

KMSG = Path("/dev/kmsg")
# One record of /dev/kmsg has at most this many bytes, and a read of less fails (Documentation/ABI/testing/dev-kmsg).
_RECORD = 8192
# cgroupfs names a container's folder by its id, the systemd driver cri-containerd-<id>.scope.
_VICTIM = re.compile(r"oom-kill:.*,task_memcg=[^,]*/(?:cri-containerd-)?([0-9a-f]{64})(?:\.scope)?[,/]")


def victim_of(record: str) -> str | None:
    """The container that a record of the kernel's log is about, if it tells of an OOM kill in one."""
    found = _VICTIM.search(record)
    return found[1] if found else None


@contextmanager
def watch_kernel_log(path: Path, on_kill: Callable[[str], None]) -> Iterator[None]:
    """Call on_kill with the id of each container that had an OOM kill: those since the machine's start, then new ones.

    Where the log cannot be read (no root, no such device) this is said once, and the runtime's word is all there is.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        log.warning(
            "cannot read the kernel's log %s (%s): OOM kills are told by the runtime alone",
            path,
            error.strerror,
        )
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, _read_all, descriptor, on_kill)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _read_all(descriptor: int, on_kill: Callable[[str], None]) -> None:
    while True:
        try:
            record = os.read(descriptor, _RECORD)
        except BlockingIOError:
            return
        except BrokenPipeError:
            continue  # records were overwritten before they were read; the next read goes on with the oldest kept
        if not record:
            return
        if victim := victim_of(record.decode(errors="replace")):
            on_kill(victim)
