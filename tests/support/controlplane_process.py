# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane` as a process of its own on loopback, to be killed like any other."""

import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import yaml

from kube.client import Client
from kube.config import from_file
from tests.support.wait import until

SECONDS = 60.0


class ControlPlaneProcess:
    """One server. Its files are below folder; values go into its configuration file."""

    def __init__(self, folder: Path, **values: Any) -> None:
        self.folder = folder
        self.config, self.kubeconfig = folder / "controlplane.yaml", folder / "kubeconfig"
        # The first words of the command, such as a change of limits or namespaces.
        self.wrapper: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self.address, self.port = _free_address()
        folder.mkdir(parents=True, exist_ok=True)
        self.values = {
            "apiVersion": "orlop.dev/v1alpha1",
            "kind": "ControlPlaneConfig",
            "pki": str(folder / "pki"),
            "store": f"sqlite://{folder}/store.db",
            "address": self.address,
            "port": self.port,
            "kubeconfig": {"path": str(self.kubeconfig), "server": f"https://{self.address}:{self.port}"},
            **values,
        }
        self.config.write_text(yaml.safe_dump(self.values))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it printed so far."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Returns when it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it without waiting."""
        command = [sys.executable, "-P", "-m", "cli.main", "controlplane", "--config", str(self.config)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.wrapper, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers; AssertionError with its log when it ends before."""

        def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log[-4000:]
            with socket.socket() as probe:
                return probe.connect_ex((self.address, self.port)) == 0

        until(answers, SECONDS)

    def ended(self) -> int:
        """Wait for an end by itself; the exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        return process.wait(SECONDS)

    def kill(self, number: int = signal.SIGKILL) -> int | None:
        """End it by a signal and wait; its exit code."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(SECONDS)

    def client(self) -> Client:
        """The administrator's client."""
        return Client(from_file(self.kubeconfig))


def orlop(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """The command as a user calls it."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def _free_address() -> tuple[str, int]:
    """An address of loopback that hardly anybody else uses, and a port of it from the kernel."""
    choose = random.SystemRandom().randint
    address = f"127.{choose(1, 254)}.{choose(0, 255)}.{choose(1, 254)}"
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return address, port
