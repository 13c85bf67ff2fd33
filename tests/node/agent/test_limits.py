# SPDX-License-Identifier: Apache-2.0
"""Limits that hold: memory by the OOM killer, CPU by the quota, both seen from the kernel's own accounts."""

import time

import pytest

from tests.support.node import Node, manifest

pytestmark = pytest.mark.node

# tail keeps its whole input in memory when it has to wait for the last line of an endless one.
ALLOCATE = "tail /dev/zero"
MEASURE_SECONDS = 4


def test_allocating_past_the_memory_limit_is_an_oom_kill_and_told_as_one(node: Node) -> None:
    text = manifest(
        "greedy", ALLOCATE, spec="restartPolicy: Never", container="resources: {limits: {memory: 32Mi}}"
    )
    node.put("greedy.yaml", text)
    pod = node.await_status("greedy", "OOMKilled")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    assert pod["status"]["phase"] == "Failed"
    node.take("greedy.yaml")


def test_200m_is_a_fifth_of_a_core(node: Node) -> None:
    node.put(
        "busy.yaml", manifest("busy", "while :; do :; done", container="resources: {limits: {cpu: 200m}}")
    )
    node.await_status("busy", "Running")
    used_before, at = node.cgroup("busy").usage.cpu_us, time.monotonic()
    node.until(lambda: time.monotonic() - at > MEASURE_SECONDS, lambda: "time stands still")
    used_after, end = node.cgroup("busy").usage.cpu_us, time.monotonic()
    assert used_before is not None
    assert used_after is not None
    share = (used_after - used_before) / 1e6 / (end - at)
    assert share == pytest.approx(0.20, abs=0.03)
    node.take("busy.yaml")
