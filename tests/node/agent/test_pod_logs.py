# SPDX-License-Identifier: Apache-2.0
"""Logs of a real pod over rotations: no line lost, no disk without measure, and the attempt before."""

import threading
from pathlib import Path

import pytest

from agent.logs.files import rotated
from tests.support.cluster import Cluster
from tests.support.node import manifest

pytestmark = pytest.mark.node

LINES, PAUSE = 140, 120
# 14 MB, in lines that the runtime cuts into parts; before the last lines it waits for a word that a file was rotated.
WRITER = f"""
for n in $(seq {LINES}); do
  [ $n != {PAUSE} ] || until [ -e /tmp/go ]; do sleep 0.1; done
  printf '%0100000d\\n' $n
done
"""


def numbers(text: str) -> list[int]:
    return [int(line[-9:]) for line in text.splitlines()]


def log_path(cluster: Cluster, pod: str) -> Path:
    (folder,) = (cluster.node.pod_logs).glob(f"{cluster.current}_{pod}_*")
    return folder / "app" / "0.log"


def test_readers_and_followers_get_every_line_over_rotations(cluster: Cluster) -> None:
    cluster.start("chatty", WRITER, wait=False, restartPolicy="Never")
    cluster.await_pod("chatty", lambda pod: pod.get("status", {}).get("phase") in ("Running", "Succeeded"))
    followed: list[str] = []
    follower = threading.Thread(target=lambda: followed.append(cluster.run("logs", "-f", "chatty")))
    follower.start()
    cluster.until(lambda: bool(rotated(log_path(cluster, "chatty"))), lambda: "nothing was rotated")
    cluster.exec("chatty", "touch", "/tmp/go")
    cluster.await_pod("chatty", lambda pod: pod["status"]["phase"] == "Succeeded")
    follower.join()
    everything = list(range(1, LINES + 1))
    assert numbers(followed[0]) == everything
    assert numbers(cluster.run("logs", "chatty")) == everything
    assert numbers(cluster.run("logs", "chatty", "--tail=90")) == everything[-90:]
    assert 1 <= len(rotated(log_path(cluster, "chatty"))) <= 4


def test_the_attempt_before_has_a_log_of_its_own(cluster: Cluster) -> None:
    cluster.start("again", 'echo "run $(cat /proc/sys/kernel/random/uuid)"; sleep 1; exit 1', wait=False)
    cluster.await_pod(
        "again", lambda pod: (pod["status"].get("containerStatuses") or [{}])[0].get("restartCount", 0) >= 1
    )
    cluster.until(lambda: "run " in cluster.run("logs", "again", check=False), lambda: "no log")
    previous = cluster.run("logs", "again", "-p")
    assert previous.startswith("run ")


def test_since_and_limit(cluster: Cluster) -> None:
    cluster.start("timed", "echo early; sleep 3; echo late; sleep 3600")
    cluster.until(lambda: "late" in cluster.run("logs", "timed"), lambda: "the second line does not come")
    late = cluster.run("logs", "timed", "--timestamps", "--tail=1").split()[0]
    assert cluster.run("logs", "timed", f"--since-time={late}") == "late\n"
    assert cluster.run("logs", "timed", "--since=3h") == "early\nlate\n"
    assert cluster.run("logs", "timed", "--limit-bytes=3") == "ear"


def test_a_static_pod_is_found_by_its_mirrors_name(cluster: Cluster) -> None:
    text = manifest("static-speaker", "echo from a file; sleep 3600")
    file = cluster.node.manifests / "static-speaker.yaml"
    new = file.with_name(".static-speaker.new")
    new.write_text(text)
    new.rename(file)
    mirror = ("--namespace", "default", "static-speaker-node1")
    try:
        cluster.until(
            lambda: "from a file" in cluster.kubectl.run("logs", *mirror, check=False),
            lambda: "no log of the mirror",
        )
        assert cluster.kubectl.run("exec", *mirror, "--", "echo", "inside") == "inside\n"
    finally:
        file.unlink()
    cluster.until(
        lambda: "NotFound" in cluster.kubectl.run("get", "pod", *mirror, check=False),
        lambda: "the mirror stays",
    )
