# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the node's daemons and of containerd at random moments: pods live on, addresses stay single."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.support.node import Node, manifest

pytestmark = pytest.mark.node

SLEEP = "exec sleep 3600"
STAY = ("stay-1", "stay-2", "stay-3")
ROUNDS = 8
# Seconds after a manifest came or went; spread over the length of a pod's start, so kills hit each phase of it.
MOMENTS = (0.0, 0.5)
# Kills in the middle of a StartContainer, and how many seconds after its beginning.
STARTS = 4
START_MOMENTS = (0.0, 0.12)


def identities(node: Node) -> dict[str, tuple[str, int, str]]:
    """What must not change for a pod that was not killed: container, restarts, address."""
    found = {}
    for name, pod in node.pods().items():
        status = pod["status"]["containerStatuses"][0]
        found[name] = (status.get("containerID", ""), status["restartCount"], pod["status"].get("podIP", ""))
    return found


def process_starts(node: Node) -> dict[str, list[str]]:
    """The start time of each process in the pods' cgroups: a restarted process has another one."""
    starts = {}
    for name in STAY:
        pids = [
            p
            for path in node.cgroup(name).folders[0].glob("*/cgroup.procs")
            for p in path.read_text().split()
        ]
        starts[name] = sorted(_start_time(pid) for pid in pids)
    return starts


def _start_time(pid: str) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def check_addresses(node: Node) -> None:
    """Every pod that runs holds exactly the address that it says it has, and nobody holds another."""
    held = [(a.pod_name, str(a.address)) for a in node.addresses()]
    said = [(name, identity[2]) for name, identity in identities(node).items()]
    assert sorted(held) == sorted(said)


@pytest.mark.parametrize("service", ["node", "containerd"])
def test_kills_at_random_moments(node: Node, service: str) -> None:
    chance = random.Random(service)
    for name in STAY:
        node.put(f"{name}.yaml", manifest(name, SLEEP))
    for name in STAY:
        node.await_status(name, "Running")
    before, starts = identities(node), process_starts(node)
    for number in range(ROUNDS):
        _kill_while_pods_come_and_go(node, service, number, chance)
    node.take(f"come-{ROUNDS - 1}.yaml")
    node.until(
        lambda: set(node.agent()["pods"]) == {f"default/{n}" for n in STAY},
        lambda: str(node.agent()["pods"].keys()),
    )
    for name in STAY:
        node.await_status(name, "Running")
    assert identities(node) == before
    assert process_starts(node) == starts
    node.until(lambda: len(node.addresses()) == len(STAY), lambda: f"leaked: {node.addresses()}")
    check_addresses(node)
    for name in STAY:
        node.take(f"{name}.yaml")
        node.await_gone(name)
    assert node.addresses() == ()


def _kill_while_pods_come_and_go(node: Node, service: str, number: int, chance: random.Random) -> None:
    node.take(f"come-{number - 1}.yaml")
    node.put(f"come-{number}.yaml", manifest(f"come-{number}", SLEEP))
    moment = time.monotonic() + chance.uniform(*MOMENTS)
    node.until(lambda: time.monotonic() > moment, lambda: "time stands still")
    node.kill(service)
    node.await_up()
    node.await_status(f"come-{number}", "Running")


def test_a_process_that_died_while_the_agent_was_away_is_restarted(node: Node) -> None:
    node.put("mortal.yaml", manifest("mortal", SLEEP))
    node.await_status("mortal", "Running")
    pid = next(
        int(pid)
        for path in node.cgroup("mortal").folders[0].glob("*/cgroup.procs")
        for pid in path.read_text().split()
        if b"sleep" in _command(pid)
    )
    node.kill("node")
    os.kill(pid, signal.SIGKILL)
    node.await_up()
    node.until(
        lambda: node.pods()["mortal"]["status"]["containerStatuses"][0]["restartCount"] == 1,
        lambda: node.describe("mortal"),
    )
    node.await_status("mortal", "Running")
    node.take("mortal.yaml")
    node.await_gone("mortal")


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_kills_while_a_container_is_started(node: Node) -> None:
    """containerd breaks the start off; the same attempt is made again, and what it lost of the first one is ended."""
    chance = random.Random("start")
    for number in range(STARTS):
        node.put(f"begin-{number}.yaml", manifest(f"begin-{number}", SLEEP, spec="restartPolicy: Never"))
        _kill_in_the_middle_of_the_start(node, f"begin-{number}", chance.uniform(*START_MOMENTS))
    for number in range(STARTS):
        name = f"begin-{number}"
        status = node.await_status(name, "Running")["status"]["containerStatuses"][0]
        assert status["restartCount"] == 0
        assert len(_sleeps(node, name)) == 1
        node.take(f"{name}.yaml")
    for number in range(STARTS):
        node.await_gone(f"begin-{number}")
    assert node.addresses() == ()


def _kill_in_the_middle_of_the_start(node: Node, name: str, after: float) -> None:
    """The link to the log is made between CreateContainer and StartContainer."""
    links = node.paths.logs / "containers"
    node.until(lambda: bool(list(links.glob(f"{name}_*"))), lambda: f"{name} has no container", poll=0.002)
    moment = time.monotonic() + after
    node.until(lambda: time.monotonic() > moment, lambda: "time stands still", poll=0.002)
    node.kill("node")
    node.await_up()


def _sleeps(node: Node, name: str) -> list[str]:
    """The processes of the pod's containers, also those that the runtime does not know of."""
    paths = node.cgroup(name).folders[0].glob("*/cgroup.procs")
    pids = [pid for path in paths for pid in path.read_text().split()]
    return [pid for pid in pids if b"/pause" not in _command(int(pid))]
