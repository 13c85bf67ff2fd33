# SPDX-License-Identifier: Apache-2.0
"""A process by its pid and start time, which together never mean another one; pid files that hold both."""

import json
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: pid, and the clock ticks between boot and its start (proc(5), stat field 22)."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Record:
    """A pid file's content. since: seconds since the epoch; restarts: how many came before it in this lab."""

    identity: Identity
    since: float
    restarts: int = 0


def start_time(pid: int, proc: Path = PROC) -> int | None:
    """When `pid` started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may itself hold any character.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def identify(pid: int, proc: Path = PROC) -> Identity | None:
    """The living process `pid`, or None."""
    start = start_time(pid, proc)
    return None if start is None else Identity(pid, start)


def is_alive(identity: Identity, proc: Path = PROC) -> bool:
    """Whether this very process lives (another one may have its pid by now)."""
    return start_time(identity.pid, proc) == identity.start


def open_process(identity: Identity) -> int | None:
    """A pidfd, which is readable once the process ends; None when it is gone. The caller closes it."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    # The pid was free to be used again until the descriptor was there, so look now.
    if is_alive(identity):
        return descriptor
    os.close(descriptor)
    return None


def kill(identity: Identity, deadline: float = 5.0) -> bool:
    """SIGKILL this very process and wait at most `deadline` seconds for its end; whether it is gone."""
    descriptor = open_process(identity)
    if descriptor is None:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return wait_for_end(descriptor, deadline)
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def wait_for_end(descriptor: int, deadline: float) -> bool:
    """Wait at most `deadline` seconds for the process of a pidfd; whether it ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(deadline * 1000))


def write_record(path: Path, record: Record) -> None:
    """Write a pid file whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(
        json.dumps(
            {
                "pid": record.identity.pid,
                "start": record.identity.start,
                "since": record.since,
                "restarts": record.restarts,
            }
        )
        + "\n"
    )
    new.replace(path)


def read_record(path: Path) -> Record | None:
    """What a pid file says, whether the process lives or not; None when there is none or it makes no sense."""
    try:
        values = json.loads(path.read_text())
        return Record(Identity(values["pid"], values["start"]), values["since"], values["restarts"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (KeyError, TypeError, ValueError):
        return None


def running(path: Path, proc: Path = PROC) -> Record | None:
    """The pid file's record when its process lives."""
    record = read_record(path)
    return record if record is not None and is_alive(record.identity, proc) else None
