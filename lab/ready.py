# SPDX-License-Identifier: Apache-2.0
"""Waiting until the processes of a lab work."""

import socket
import time
from pathlib import Path

from lab import process
from lab.errors import LabStartError
from lab.model import HOST_ADDRESS, LabSpec, NodePaths, PlacePaths
from lab.service import CONTAINERD, NODE

DEADLINE = 30.0
POLL = 0.01
"""Seconds between two looks."""
MOMENT = 0.1
"""Seconds after which a process that cannot start at all has ended."""
TOO_MANY_RESTARTS = 3
LOG_LINES = 12


Listens = Path | int
"""Where a service listens: a unix socket, or a port at 127.0.0.1 of the host."""


def accepts(listens: Listens) -> bool:
    """Whether somebody listens there."""
    family = socket.AF_UNIX if isinstance(listens, Path) else socket.AF_INET
    address = str(listens) if isinstance(listens, Path) else (HOST_ADDRESS, listens)
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(address)
        except OSError:
            return False
    return True


def wait_for_supervisor(spec: LabSpec, deadline: float = DEADLINE) -> None:
    """Wait until a supervisor of the lab has written its pid file."""
    until = time.monotonic() + deadline
    while process.running(spec.paths.supervisor_pid) is None:
        if time.monotonic() > until:
            log = spec.paths.supervisor_log
            raise LabStartError(f"the supervisor of lab {spec.name} did not start{_tail(log)}")
        time.sleep(POLL)


def wait_for_service(
    place: PlacePaths, name: str, listens: Listens | None, deadline: float = DEADLINE
) -> None:
    """Wait until service `name` lives and, if `listens` is given, accepts connections there."""
    until = time.monotonic() + deadline
    before = _restarts(place, name)
    while not is_ready(place, name, listens):
        restarts = _restarts(place, name) - before
        if restarts >= TOO_MANY_RESTARTS or time.monotonic() > until:
            ended = f"ended {restarts} times" if restarts else f"does not answer after {deadline:.0f} s"
            log = place.log_file(name)
            title = name if name == place.name else f"{name} of {place.name}"
            raise LabStartError(f"{title} in lab {place.lab.name} {ended}{_tail(log)}")
        time.sleep(POLL)


def is_ready(place: PlacePaths, name: str, listens: Listens | None) -> bool:
    """Whether service `name` lives and accepts connections, or without a socket has lived for a moment."""
    record = process.running(place.pid_file(name))
    if record is None:
        return False
    return time.time() - record.since >= MOMENT if listens is None else accepts(listens)


def listens_on(spec: LabSpec, node: NodePaths, name: str) -> Path | None:
    """The socket by which service `name` shows that it works; None when living is enough."""
    if name == CONTAINERD:
        return node.containerd_socket
    return node.run / spec.node_ready if name == NODE and spec.node_ready else None


def _restarts(place: PlacePaths, name: str) -> int:
    record = process.read_record(place.pid_file(name))
    return 0 if record is None else record.restarts


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return f"; there is no {log}"
    return (
        "".join(f"\n  {line}" for line in [f"; the end of {log}:", *lines]) if lines else f"; {log} is empty"
    )
