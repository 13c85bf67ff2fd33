# SPDX-License-Identifier: Apache-2.0
"""A real node for tests: a lab of one, its folder of manifests, and what its agent and kernel say."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from agent.cgroup.manager import open_cgroups
from agent.cgroup.model import CgroupState
from cli import podview
from cli.client import AgentUnreachableError, get
from cli.labimages import load_images
from cli.overview import overview
from lab import Lab, LabSpec, NodePaths, numbered_node
from netplugin.ipam import read_allocations
from netplugin.model import Allocation

BUSYBOX = "docker.io/local/busybox:1"
SECONDS = 60.0
POLL = 0.05


@dataclass(frozen=True)
class Node:
    """What a test does with a node."""

    lab: Lab

    @property
    def paths(self) -> NodePaths:
        return self.lab.paths.node("node1")

    def put(self, file: str, text: str) -> None:
        """Write a manifest in one step, as a careful user does."""
        new = self.paths.manifests / f".{file}.new"
        new.write_text(text)
        new.rename(self.paths.manifests / file)

    def take(self, file: str) -> None:
        (self.paths.manifests / file).unlink(missing_ok=True)

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pods that should run, by name, as the agent tells them."""
        return {pod["metadata"]["name"]: pod for pod in get(self.paths.agent_socket, "/pods")["items"]}

    def agent(self) -> dict[str, Any]:
        status: dict[str, Any] = get(self.paths.agent_socket, "/status")
        return status

    def problems(self) -> list[str]:
        return [f"{p['source']}: {p['field']}: {p['message']}" for p in self.agent()["problems"]]

    def status(self, name: str) -> str:
        pod = self.pods().get(name)
        return podview.status_of(pod) if pod else "absent"

    def await_status(self, name: str, *wanted: str) -> dict[str, Any]:
        """Wait for `orlop status` to show one of these words for the pod; "Running" also means all ready."""
        self.until(
            lambda: self._is(name, wanted),
            lambda: f"pod {name} is {self.describe(name)}, not {wanted}: {self._log_end()}",
        )
        return self.pods()[name]

    def await_gone(self, name: str) -> None:
        """Wait until neither the sources nor the runtime know the pod."""
        key = f"default/{name}"
        self.until(lambda: key not in self.agent()["pods"], lambda: f"pod {name} is still there")

    def describe(self, name: str) -> str:
        pod = self.pods().get(name)
        return f"{podview.status_of(pod)}: {podview.why_of(pod)}" if pod else "absent"

    def overview(self, name: str) -> dict[str, Any]:
        """The pod's part of `orlop status -o json`."""
        pods = overview(self.lab)["nodes"][0]["pods"]
        return next(pod for pod in pods if pod["name"] == name)

    def cgroup(self, name: str) -> CgroupState:
        """The pod's cgroup as the kernel states it."""
        return open_cgroups().read(self.overview(name)["cgroup"])

    def addresses(self) -> tuple[Allocation, ...]:
        return read_allocations(self.paths.netplugin_state)

    def exec(self, pod: str, *words: str, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        """`orlop exec`; with stdin its -i."""
        option = ["-i"] if stdin is not None else []
        return self.orlop("exec", *option, pod, *words, stdin=stdin)

    def orlop(
        self, command: str, *words: str, stdin: bytes | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        root = ["--root", str(self.lab.paths.root)]
        return subprocess.run(
            [sys.executable, "-m", "cli.main", command, *root, *words],
            input=stdin if stdin is not None else None,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )

    def pid(self, service: str) -> int | None:
        """The pid of containerd or of the node's daemons ("node"), None while it does not run."""
        status = self.lab.status().nodes[0]
        return {"containerd": status.containerd.pid, "node": status.node.pid}[service]

    def kill(self, service: str) -> None:
        """SIGKILL containerd or the node's daemons, and wait until the supervisor has started it again."""
        self.until(lambda: self.pid(service) is not None, lambda: f"{service} does not run")
        dead = self.pid(service)
        assert dead is not None
        os.kill(dead, signal.SIGKILL)
        self.until(lambda: self.pid(service) not in (None, dead), lambda: f"{service} is not restarted")

    def await_up(self) -> None:
        """Wait until the agent answers and the runtime answers it."""
        self.until(self._is_healthy, lambda: f"the agent does not answer: {self._log_end()}")

    def until(
        self,
        ready: Callable[[], bool],
        why: Callable[[], str],
        seconds: float = SECONDS,
        poll: float = POLL,
    ) -> None:
        deadline = time.monotonic() + seconds
        while not self._holds(ready):
            assert time.monotonic() < deadline, why()
            time.sleep(poll)

    def _holds(self, ready: Callable[[], bool]) -> bool:
        try:
            return ready()
        except AgentUnreachableError:
            return False

    def _is(self, name: str, wanted: tuple[str, ...]) -> bool:
        pod = self.pods().get(name)
        if pod is None or podview.status_of(pod) not in wanted:
            return False
        done, total = podview.ready_of(pod).split("/")
        return podview.status_of(pod) != "Running" or (done == total and bool(pod["status"].get("podIP")))

    def _is_healthy(self) -> bool:
        self.agent()
        return self.lab.status().up

    def _log_end(self) -> str:
        return self.paths.log_file("node").read_text()[-2000:]


@contextmanager
def running_node(
    *, containerd: str = "", pod_cidr: str = "10.244.1.0/24", name: str = "", controlplane: bool = False
) -> Iterator[Node]:
    """A lab of one node with its images loaded; taken down whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="ol-", dir="/tmp"))
    spec = LabSpec(
        name=name or folder.name.lower().replace("_", "x"),
        root=folder / "lab",
        nodes=(replace(numbered_node(1), pod_cidr=IPv4Network(pod_cidr)),),
        containerd_folder=containerd,
        controlplane=controlplane,
    )
    lab = Lab(spec)
    try:
        lab.up()
        load_images(lab)
        yield Node(lab)
    finally:
        lab.down()
        shutil.rmtree(folder, ignore_errors=True)


def manifest(name: str, script: str, *, spec: str = "", container: str = "") -> str:
    """A Pod of one busybox container that runs a shell script; spec and container are further YAML lines."""
    lines = [
        "apiVersion: v1",
        "kind: Pod",
        f"metadata: {{name: {name}}}",
        "spec:",
        "  terminationGracePeriodSeconds: 0",
        *(f"  {line}" for line in spec.splitlines()),
        "  containers:",
        "    - name: app",
        f"      image: {BUSYBOX}",
        f"      command: [sh, -c, {script!r}]",
        *(f"      {line}" for line in container.splitlines()),
    ]
    return "\n".join(lines) + "\n"
