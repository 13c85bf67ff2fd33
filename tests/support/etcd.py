# SPDX-License-Identifier: Apache-2.0
"""A real etcd for tests: Debian's etcd-server, unpacked into the user's cache, on unix sockets in a folder of its own.

Nothing is installed, and no port is used unless one is given. It dies with the test run.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import releases

PACKAGE = "etcd-server"
PROGRAM = "etcd"
DEADLINE = 30


class Etcd:
    """One member. `endpoint` is for EtcdOptions."""

    def __init__(
        self, root: Path, *, tls: tuple[Path, Path, Path] | None = None, port: int | None = None
    ) -> None:
        """tls: the CA, the certificate and the key to serve with; clients must have one of that CA then.

        port: of 127.0.0.1, to listen at beside the socket.
        """
        self.root = root
        # etcd wants host:port of every URL and takes that, too, as the file's name in its working folder.
        self.socket = root / "client:1"
        self.endpoint = f"unix:{self.socket}"
        self._tls = tls
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """With the data of before; returns when it listens."""
        program = etcd_program()
        # A killed one leaves its sockets behind.
        for left in self.root.glob("*:1"):
            left.unlink()
        scheme = "unixs" if self._tls else "unix"
        listen = f"{scheme}://{self.socket.name}"
        if self._port is not None:
            listen += f",{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", str(program)),
            *("--name", "test", "--data-dir", str(self.root / "data"), "--log-level", "error"),
            *("--listen-client-urls", listen),
            *("--advertise-client-urls", f"{scheme}://{self.socket.name}"),
            *("--listen-peer-urls", "unix://peer:1"),
            *("--initial-advertise-peer-urls", "http://localhost:2380"),
            *("--initial-cluster", "test=http://localhost:2380"),
            # It serves when it has elected itself: a tenth of the usual second.
            *("--heartbeat-interval", "10", "--election-timeout", "100"),
        ]
        if self._tls:
            ca, certificate, key = map(str, self._tls)
            command += ["--cert-file", certificate, "--key-file", key, "--trusted-ca-file", ca]
            command += ["--client-cert-auth"]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + DEADLINE
        while not self.socket.exists():
            assert self._process.poll() is None, (self.root / "log").read_text()[-4000:]
            assert time.monotonic() < deadline, f"etcd does not listen within {DEADLINE} s"
            time.sleep(0.01)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(DEADLINE)
            self._process = None


@contextmanager
def running_etcd(*, tls: tuple[Path, Path, Path] | None = None, port: int | None = None) -> Iterator[Etcd]:
    """An empty etcd, gone with its data when the context ends."""
    # A socket's path has at most 107 bytes: pytest's folders are too long.
    root = Path(tempfile.mkdtemp(prefix="ol-etcd-"))
    etcd = Etcd(root, tls=tls, port=port)
    try:
        etcd.start()
        yield etcd
    finally:
        etcd.kill()
        shutil.rmtree(root)


def etcd_program(cache: Path | None = None) -> Path:
    """The unpacked program, downloaded at the first call; skips the test when apt does not know it."""
    with releases._locked(cache or releases.default_cache(), PACKAGE) as folder:
        if not folder.exists():
            _unpack(folder)
    return folder / PROGRAM


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{PACKAGE}-apt-") as temporary:
        try:
            unpacked = releases.Apt(Path(temporary)).unpack(releases._codename(), [PACKAGE])
        except releases.NoSuchReleaseError as error:
            pytest.skip(f"{PACKAGE}: {error}")
        with releases._staged(folder) as stage:
            shutil.copy2(unpacked / "usr/bin" / PROGRAM, stage / PROGRAM)
