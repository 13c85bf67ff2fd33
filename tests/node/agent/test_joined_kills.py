# SPDX-License-Identifier: Apache-2.0
"""SIGKILLs of a joined node's agent while pods come and go: the API never sees a pod change that nothing happened to.

The whole campaign is ORLOP_KILLS=100 ORLOP_PODS=30; without them it is a short one.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.client import get
from cli.errors import CliError
from netplugin.ipam import read_allocations
from tests.support.cluster import Cluster, condition, pod
from tests.support.lab_fixture import joined

pytestmark = pytest.mark.node

KILLS = int(os.environ.get("ORLOP_KILLS", "4"))
PODS = int(os.environ.get("ORLOP_PODS", "3"))
# Seconds after pods came and went; spread over the length of a start and of an end.
MOMENTS = (0.0, 1.0)
READINESS = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}
GRACE = 2

Json = dict[str, Any]


def test_no_kill_of_the_agent_is_seen_in_a_pod_that_stays(tmp_path: Path) -> None:
    chance = random.Random("kills")
    with joined() as cluster:
        names = [f"stay-{number}" for number in range(PODS)]
        cluster.apply(
            *(pod(name, container=READINESS if index % 2 else {}) for index, name in enumerate(names))
        )
        before = {name: identity(cluster.await_ready(name)) for name in names}
        with watching(cluster, tmp_path / "watch.json") as seen:
            for number in range(KILLS):
                come_and_go(cluster, number)
                moment = time.monotonic() + chance.uniform(*MOMENTS)
                cluster.until(lambda end=moment: time.monotonic() > end, lambda: "time stands still")  # type: ignore[misc]
                cluster.kill("node")
                cluster.until(lambda: answers(cluster), lambda: "the agent does not answer")
            cluster.run("delete", "pod", "--wait=false", f"come-{KILLS - 1}")
            cluster.until(
                lambda: {item["metadata"]["name"] for item in cluster.get("pods")["items"]} == set(names),
                lambda: cluster.run("get", "pods", "-o", "wide"),
            )
            assert {name: identity(cluster.await_ready(name)) for name in names} == before
        assert flips(seen, names) == []
        allocations = read_allocations(cluster.node.netplugin_state)
        assert sorted(a.pod_name for a in allocations) == sorted(names)


def come_and_go(cluster: Cluster, number: int) -> None:
    cluster.apply(pod(f"come-{number}", terminationGracePeriodSeconds=GRACE))
    if number:
        cluster.run("delete", "pod", "--wait=false", "--ignore-not-found", f"come-{number - 1}")


def identity(found: Json) -> tuple[Any, ...]:
    """What must not change: container, restarts, address, and since when it is Ready."""
    status = found["status"]["containerStatuses"][0]
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    return (
        status["containerID"],
        status["restartCount"],
        found["status"]["podIP"],
        ready["lastTransitionTime"],
    )


def answers(cluster: Cluster) -> bool:
    try:
        get(cluster.node.agent_socket, "/status")
    except CliError:
        return False
    return True


@contextmanager
def watching(cluster: Cluster, path: Path) -> Iterator[Path]:
    """kubectl get --watch, written to a file."""
    config = str(cluster.lab.paths.controlplane.kubeconfig)
    command = ["kubectl", "--kubeconfig", config, "get", "pods", "--watch", "-o", "json"]
    with path.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL) as watch:
        try:
            yield path
        finally:
            watch.kill()


def flips(path: Path, names: list[str]) -> list[str]:
    """The states in the watch in which a pod that stays was not Ready."""
    decoder, text, found = json.JSONDecoder(), path.read_text().lstrip(), []
    while text:
        try:
            item, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            break  # the last one, cut off
        text = text[end:].lstrip()
        if item["metadata"]["name"] in names and condition(item, "Ready") != "True":
            found.append(f"{item['metadata']['name']}: {item['status']['conditions']}")
    return found
