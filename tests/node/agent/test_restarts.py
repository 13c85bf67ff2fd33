# SPDX-License-Identifier: Apache-2.0
"""restartPolicy on a real runtime: restarts, back-off, final phases."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.node import Node, manifest

pytestmark = pytest.mark.node


def test_a_failing_container_restarts_and_then_backs_off(node: Node) -> None:
    node.put("crash.yaml", manifest("crash", "echo try; exit 3"))
    pod = node.await_status("crash", "CrashLoopBackOff")
    status = pod["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert "back-off 10s" in status["state"]["waiting"]["message"]
    assert pod["status"]["phase"] == "Running"
    assert node.orlop("logs", "-p", "crash").stdout == b"try\n"
    node.take("crash.yaml")


@pytest.mark.parametrize(
    ("policy", "code", "status", "phase"),
    [
        ("Never", 0, "Completed", "Succeeded"),
        ("Never", 5, "Error", "Failed"),
        ("OnFailure", 0, "Completed", "Succeeded"),
    ],
)
def test_final_phases(node: Node, policy: str, code: int, status: str, phase: str) -> None:
    name = f"end-{policy.lower()}-{code}"
    node.put(f"{name}.yaml", manifest(name, f"echo bye; exit {code}", spec=f"restartPolicy: {policy}"))
    pod = node.await_status(name, status)
    assert pod["status"]["phase"] == phase
    assert node.orlop("logs", name).stdout == b"bye\n"
    node.until(
        lambda: not [a for a in node.addresses() if a.pod_name == name],
        lambda: f"{name} still holds its address",
    )
    node.take(f"{name}.yaml")
    node.await_gone(name)


def test_a_killed_pause_container_gives_a_new_sandbox_with_a_new_address(node: Node) -> None:
    node.put("reborn.yaml", manifest("reborn", "exec sleep 3600"))
    node.await_status("reborn", "Running")
    folder = node.cgroup("reborn").folders[0]
    pause = next(
        int(pid)
        for path in folder.glob("*/cgroup.procs")
        for pid in path.read_text().split()
        if _is_pause(int(pid))
    )
    os.kill(pause, signal.SIGKILL)
    node.until(
        lambda: node.pods()["reborn"]["status"]["containerStatuses"][0]["restartCount"] == 1,
        lambda: "no restart",
    )
    node.await_status("reborn", "Running")
    assert len([a for a in node.addresses() if a.pod_name == "reborn"]) == 1
    node.take("reborn.yaml")
    node.await_gone("reborn")


def _is_pause(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/pause")


def test_a_pod_that_nobody_wants_is_probed_no_more(node: Node) -> None:
    """What is remembered of a container's probes lies in a file of its own as long as it is probed."""
    probe = "readinessProbe: {exec: {command: ['true']}, periodSeconds: 1}"
    node.put("probed.yaml", manifest("probed", "exec sleep 3600", container=probe))
    pod = node.await_status("probed", "Running")
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    files = node.paths.state / "agent" / "probes"
    assert container in {path.name for path in files.iterdir()}
    node.take("probed.yaml")
    node.await_gone("probed")
    # Housekeeping, once a minute, would hide that the probes go on.
    node.until(
        lambda: container not in {path.name for path in files.iterdir()}, lambda: "still probed", seconds=20
    )
