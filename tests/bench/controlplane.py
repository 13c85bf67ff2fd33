# SPDX-License-Identifier: Apache-2.0
"""A real `orlop controlplane` process on loopback, for the benchmarks of the API: started, looked at, stopped."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import yaml

from controlplane.auth.pki import Pki, open_pki
from tests.support.https import client_tls

READY_SECONDS = 60
_MIB = 1024


@dataclass(slots=True)
class ControlPlane:
    """One server. seconds: from the start of the process until /readyz said yes."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    seconds: float = 0.0

    @property
    def pki(self) -> Pki:
        return open_pki(self.folder / "pki", datetime.now(UTC))

    def tls(self, name: str = "admin") -> ssl.SSLContext:
        """For a client with one of the server's own certificates."""
        pair = self.pki.client(name, datetime.now(UTC))
        return client_tls(self.folder / "pki" / "ca.crt", pair.certificate_path, pair.key_path)

    def resident_mib(self) -> float:
        return self._memory("VmRSS")

    def peak_mib(self) -> float:
        """The most that was ever resident, or since reset_peak."""
        return self._memory("VmHWM")

    def reset_peak(self) -> None:
        # proc(5): 5 resets the peak to what is resident now.
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu_seconds(self) -> float:
        """Of all its threads, in user and system mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self, name: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / _MIB


@contextmanager
def controlplane(store: str = "") -> Iterator[ControlPlane]:
    """A server with a new PKI, on SQLite in the same folder unless a store's URL is given."""
    # On a disk: /tmp may be memory.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ol-bench-") as name,
        started(Path(name), store) as it,
    ):
        yield it


@contextmanager
def started(folder: Path, store: str = "") -> Iterator[ControlPlane]:
    """A server over what the folder has; it is stopped at the end, and its last words are shown if it failed."""
    server = _start(folder, store or f"sqlite://{folder}/store.db")
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(READY_SECONDS)


def _start(folder: Path, store: str) -> ControlPlane:
    port = free_port()
    config = folder / "controlplane.yaml"
    values = {"pki": str(folder / "pki"), "store": store, "port": port, "stopSeconds": 2}
    head = {"apiVersion": "orlop.dev/v1alpha1", "kind": "ControlPlaneConfig"}
    config.write_text(yaml.safe_dump({**head, **values}))
    command = [*("setpriv", "--pdeathsig", "KILL", "--"), sys.executable, "-m", "cli.main"]
    begin = time.monotonic()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "controlplane", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    server = ControlPlane(folder, port, process)
    _wait_until_ready(server, begin + READY_SECONDS)
    server.seconds = time.monotonic() - begin
    return server


def free_port() -> int:
    """A port that the kernel thinks free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: ControlPlane, deadline: float) -> None:
    while not answers(server.port, "/readyz"):
        log = (server.folder / "log").read_text()[-4000:]
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.process.kill()
            raise RuntimeError(f"cannot start the control plane: {log}")
        time.sleep(0.005)


def answers(port: int, path: str) -> bool:
    """Whether a server at 127.0.0.1 says 200 to this over TLS."""
    # Whether it is ready is no secret; its authority may not be there yet.
    context = ssl._create_unverified_context()
    connection = HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
