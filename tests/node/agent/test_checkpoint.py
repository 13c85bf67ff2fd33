# SPDX-License-Identifier: Apache-2.0
"""A node whose API server hangs: its pods come back from the checkpoint after everything of them was killed."""

import base64
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.client import AgentUnreachableError, get
from lab import cgroup
from tests.support.cluster import Cluster, condition
from tests.support.lab_fixture import joined

pytestmark = pytest.mark.node

WORD = "checkpoint-secret-word"


@pytest.fixture(scope="module")
def away() -> Iterator[Cluster]:
    with joined() as cluster:
        yield cluster


@contextmanager
def hanging(away: Cluster) -> Iterator[None]:
    """The API server takes connections and does nothing."""
    pid = away.pid("controlplane")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def on_node(away: Cluster) -> dict[str, dict[str, Any]]:
    """The pods as the agent itself tells them."""
    try:
        found = get(away.node.agent_socket, "/pods")["items"]
    except AgentUnreachableError:
        return {}
    return {pod["metadata"]["name"]: pod for pod in found}


def await_on_node(away: Cluster, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    away.until(
        lambda: name in on_node(away) and holds(on_node(away)[name]),
        lambda: f"{name}: {on_node(away).get(name)}\n{away.node.log_file('node').read_text()[-3000:]}",
    )
    return on_node(away)[name]


def container_id(pod: dict[str, Any]) -> str:
    statuses = pod["status"].get("containerStatuses") or [{}]
    return str(statuses[0].get("containerID") or "")


def pod_processes(away: Cluster) -> set[int]:
    """Every process of the node's pods, pause included."""
    found = set()
    for hierarchy in cgroup.hierarchies():
        folder = hierarchy.folder(f"{away.node.cgroup}/kubepods")
        for path in folder.rglob("cgroup.procs"):
            found |= {int(line) for line in path.read_text().split()}
    return found


def kill_like_a_reboot(away: Cluster) -> None:
    """Nothing of the pods runs any more, and the agent starts from nothing but its disk."""
    for pid in pod_processes(away):
        os.kill(pid, signal.SIGKILL)
    away.kill("node")


def test_pods_run_again_without_the_api_server(away: Cluster) -> None:
    away.run("create", "secret", "generic", "login", f"--from-literal=word={WORD}")
    away.run("create", "configmap", "settings", "--from-literal=mode=far")
    env = [
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "word"}}},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
    ]
    script = f'[ "${{#WORD}}" = {len(WORD)} ] && [ "$MODE" = far ] && exec sleep 100000'
    before = away.start("keeps", script, container={"env": env})
    away.start("once", "exit 0", wait=False, restartPolicy="Never")
    once = away.await_pod("once", lambda pod: pod["status"].get("phase") == "Succeeded")
    folder = away.node.agent_state / "checkpoint"
    away.until(lambda: b"Succeeded" in whole(folder), lambda: f"no checkpoint of the end in {folder}")
    assert WORD.encode() not in whole(folder)
    assert base64.b64encode(WORD.encode()) not in whole(folder)
    with hanging(away):
        kill_like_a_reboot(away)
        again = await_on_node(
            away,
            "keeps",
            lambda pod: (
                container_id(pod) not in ("", container_id(before)) and condition(pod, "Ready") == "True"
            ),
        )
        assert again["metadata"]["uid"] == before["metadata"]["uid"]
        # What was done stays done.
        assert on_node(away)["once"]["status"]["phase"] == "Succeeded"
    shown = away.await_pod("keeps", lambda pod: container_id(pod) == container_id(again))
    assert shown["metadata"]["uid"] == before["metadata"]["uid"]
    assert away.pod("once")["metadata"]["uid"] == once["metadata"]["uid"]
    assert away.pod("once")["status"]["phase"] == "Succeeded"


def whole(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.json")))


def test_damaged_files_harm_nobody_once_the_api_server_answers(away: Cluster) -> None:
    before = away.start("sturdy")
    folder = away.node.agent_state / "checkpoint"
    away.until(lambda: b'"sturdy"' in whole(folder), lambda: "no checkpoint of the pod")
    for path in folder.glob("*.json"):
        path.write_bytes(path.read_bytes()[:20])
    away.kill("node")
    away.until(lambda: b'"sturdy"' in whole(folder), lambda: "the checkpoint is not written anew")
    now = away.await_ready("sturdy")
    assert container_id(now) == container_id(before)
    assert now["status"]["conditions"] == before["status"]["conditions"]
    assert "is not used and removed" in away.node.log_file("node").read_text()
