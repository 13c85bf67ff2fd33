# SPDX-License-Identifier: Apache-2.0
"""The daemon's socket and its threads."""

import fcntl
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from netplugin.errors import DaemonError
from netplugin.frame import DECLINE, Call, encode_answer, read_call
from netplugin.keeper import RuleKeeper
from netplugin.main import answer
from netplugin.namespaces import identity

log = logging.getLogger(__name__)

BACKLOG = 128
READ_SECONDS = 2.0
"""How long a client may take to send its request; the shim sends it in one piece."""


class Listener:
    """A listening unix socket, mode 0600, and threads that each serve one connection at a time."""

    def __init__(self, path: Path, workers: int, keeper: RuleKeeper, step: Callable[[str], None]) -> None:
        self._path = path
        self._keeper = keeper
        self._step = step
        self._stopping = threading.Event()
        self._namespace = ""
        self._lock = -1
        self._inode = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._threads = [
            threading.Thread(target=self._work, name=f"netplugin-{number}") for number in range(workers)
        ]

    def start(self) -> None:
        """Take the socket's place, stale file or none, and begin to serve."""
        self._namespace = identity()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._claim()
            self._bind()
        except OSError as error:
            self.stop()
            raise DaemonError(f"cannot listen on {self._path}: {error.strerror or error}") from error
        except DaemonError:
            self.stop()
            raise
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more calls, finish those that run, remove the socket's file if it is still ours."""
        self._stopping.set()
        if self._inode:
            self._unlink_own()
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes every thread that waits in accept
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._socket.close()
        if self._lock >= 0:
            os.close(self._lock)

    def _claim(self) -> None:
        """One daemon per socket: the kernel frees the lock when its holder dies."""
        self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DaemonError(f"cannot serve {self._path}: another network daemon serves it") from None

    def _bind(self) -> None:
        """Appear under the name only when restricted and listening; rename replaces a dead daemon's file."""
        temporary = self._path.with_name(f".{secrets.token_hex(4)}")
        self._socket.bind(str(temporary))
        try:
            temporary.chmod(0o600)
            self._socket.listen(BACKLOG)
            inode = temporary.stat().st_ino
            temporary.replace(self._path)
            self._inode = inode
        finally:
            temporary.unlink(missing_ok=True)

    def _unlink_own(self) -> None:
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    def _work(self) -> None:
        from netplugin.netlink import close_node_netlink, node_netlink

        node_netlink()
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if not self._stopping.wait(0.1):
                    log.error("Cannot accept on %s: %s", self._path, error)
                continue
            with connection:
                self._serve(connection)
        close_node_netlink()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(READ_SECONDS)
            connection.sendall(self._answer(read_call(connection.recv)))
        except (DaemonError, OSError) as error:
            log.warning("Cannot serve a request on %s: %s", self._path, error)

    def _answer(self, call: Call) -> bytes:
        if call.namespace != self._namespace:
            return encode_answer(DECLINE, b"")  # it runs on another node than we do
        started = time.perf_counter()
        made = answer(call.environ, call.stdin, self._keeper, self._step)
        elapsed = (time.perf_counter() - started) * 1000
        log.log(
            logging.WARNING if made.code else logging.INFO,
            "%s of %s in %.1f ms%s",
            call.environ.get("CNI_COMMAND"),
            call.environ.get("CNI_ARGS") or call.environ.get("CNI_CONTAINERID"),
            elapsed,
            f": {made.stdout.decode(errors='replace').strip()}" if made.code else "",
        )
        return encode_answer(made.code, made.stdout)
