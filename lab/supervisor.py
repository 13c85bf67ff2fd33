# SPDX-License-Identifier: Apache-2.0
"""The lab's supervisor: keeps the control plane, and containerd and the node process of every node, running.

It is crash-only. Killed at any instruction, it leaves its processes alone; the next one finds them by their pid
files and watches them through pidfds, which works for a process that is nobody's child as well. Between fork and
exec a new process writes its own pid file while it still holds the supervisor's lock (a flock, inherited over fork
and closed by exec), so no supervisor can start beside a process that it does not know.

Run as `python -m lab.supervisor ROOT [LOCK]`; it goes to the background by itself. LOCK is the number of an inherited
descriptor that is closed once the supervisor can be found.
"""

import fcntl
import os
import select
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lab import backoff, binaries, cgroup, port, process, run, service, specfile, syscalls
from lab.model import LabPaths
from lab.run import Prepare

LOCK_PATIENCE = 5.0
"""Seconds. The lock of a killed supervisor goes with the exec of its last process: milliseconds."""


@dataclass(slots=True)
class Watched:
    """A service, and its process while there is one (descriptor: its pidfd). start_at: monotonic seconds."""

    service: service.Service
    identity: process.Identity | None = None
    descriptor: int | None = None
    since: float = 0.0
    delay: float = 0.0
    start_at: float = 0.0


class Supervisor:
    """Watches services for ever; `log` takes one line for each thing that happens."""

    def __init__(self, services: tuple[service.Service, ...], log: TextIO) -> None:
        """Adopt the processes that run already."""
        self._hierarchies = cgroup.hierarchies()
        self._log = log
        self._poll = select.poll()
        self._watched = [Watched(one) for one in services]
        for watched in self._watched:
            self._adopt(watched)

    def run(self) -> None:
        """Start what does not run, wait for something to end, and again."""
        while True:
            now = time.monotonic()
            for watched in self._watched:
                if watched.descriptor is None and watched.start_at <= now:
                    self._start(watched)
            self._wait(self._next_start())

    def _next_start(self) -> float | None:
        waiting = [watched.start_at for watched in self._watched if watched.descriptor is None]
        return min(waiting) if waiting else None

    def _wait(self, until: float | None) -> None:
        timeout = None if until is None else max(0, int((until - time.monotonic()) * 1000) + 1)
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
        for watched in self._watched:
            if watched.descriptor in ready:
                self._ended(watched)

    def _adopt(self, watched: Watched) -> None:
        record = process.running(watched.service.pid_file)
        descriptor = process.open_process(record.identity) if record else None
        if record is None or descriptor is None:
            return
        self._watch(watched, record.identity, descriptor, record.since)
        self._say(f"{watched.service.title} runs already: pid {record.identity.pid}")

    def _start(self, watched: Watched) -> None:
        wanted = watched.service
        previous = process.read_record(wanted.pid_file)
        restarts = 0 if previous is None else previous.restarts + 1
        pid = run.start(wanted.command, wanted.environ, wanted.log, self._preparation(wanted, restarts))
        # Our child until we wait for it, so the pid cannot mean another process.
        identity = process.identify(pid) or process.Identity(pid, 0)
        self._watch(watched, identity, os.pidfd_open(pid), time.time())
        self._say(f"{wanted.title} started: pid {pid}: {shlex.join(wanted.command)}")

    def _preparation(self, wanted: service.Service, restarts: int) -> Prepare:
        def prepare() -> tuple[str, ...]:
            # A socket stays in the namespace that it was made in, which here is still the host's.
            words = _listening(wanted)
            cgroup.join(self._hierarchies, wanted.cgroup)
            syscalls.enter_namespace(wanted.namespace)
            identity = process.identify(os.getpid())
            if identity is None:
                raise ProcessLookupError("this process is not in /proc")
            process.write_record(wanted.pid_file, process.Record(identity, time.time(), restarts))
            return words

        return prepare

    def _watch(self, watched: Watched, identity: process.Identity, descriptor: int, since: float) -> None:
        watched.identity, watched.descriptor, watched.since = identity, descriptor, since
        self._poll.register(descriptor, select.POLLIN)

    def _ended(self, watched: Watched) -> None:
        descriptor, identity = watched.descriptor, watched.identity
        if descriptor is None or identity is None:
            return
        how = _how_it_ended(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        watched.descriptor = None
        lived = time.time() - watched.since
        watched.delay = backoff.next_delay(watched.delay, lived)
        watched.start_at = time.monotonic() + watched.delay
        self._say(
            f"{watched.service.title} {how} after {lived:.1f} s: pid {identity.pid}; "
            f"next start in {watched.delay:.1f} s"
        )

    def _say(self, text: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.write(f"{stamp} {text}\n")
        self._log.flush()


def _listening(wanted: service.Service) -> tuple[str, ...]:
    """The words that tell a program which inherited descriptor has its port on the host."""
    if wanted.host_port is None:
        return ()
    listener = port.bound(wanted.host_port)
    listener.set_inheritable(True)
    return ("--listen-fd", str(listener.detach()))


def _how_it_ended(descriptor: int) -> str:
    try:
        result = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        # Adopted: only its parent, which is init by now, is told more.
        return "ended"
    if result is None:
        return "ended"
    kind = "exited with" if result.si_code == os.CLD_EXITED else "was killed by signal"
    return f"{kind} {result.si_status}"


def take_lock(path: Path, patience: float = LOCK_PATIENCE) -> int | None:
    """The lock's descriptor, to be kept open; None when another supervisor has it or the lab is gone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.005)
            continue
        return descriptor


def record_self(paths: LabPaths) -> None:
    """Write the supervisor's own pid file."""
    identity = process.identify(os.getpid())
    if identity is None:
        raise ProcessLookupError("this process is not in /proc")
    process.write_record(paths.supervisor_pid, process.Record(identity, time.time()))


def main(arguments: list[str], environ: Mapping[str, str], log: TextIO) -> int:
    """Supervise the lab below the root folder that is the first argument."""
    if len(arguments) not in {1, 2}:
        log.write("usage: python -m lab.supervisor ROOT [LOCK]\n")
        return 2
    spec = specfile.read(Path(arguments[0]))
    programs = binaries.find(spec.containerd_folder, environ.get("PATH", ""))
    cgroup.join(cgroup.hierarchies(), spec.paths.supervisor_cgroup)
    run.go_to_background()
    if take_lock(spec.paths.supervisor_lock) is None:
        return 0
    record_self(spec.paths)
    for lock in arguments[1:]:
        os.close(int(lock))
    Supervisor(service.services(spec, programs, sys.executable, environ), log).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stderr))
