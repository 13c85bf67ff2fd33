# SPDX-License-Identifier: Apache-2.0
"""The node's HTTPS port: by kubectl through the API server, and asked directly, by friends and by strangers."""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from netplugin.namespaces import opened, run_in
from tests.support.cluster import Cluster

pytestmark = pytest.mark.node

SECONDS = 60.0
SERVE = "mkdir /tmp/w; echo hello >/tmp/w/index.html; httpd -f -p 80 -h /tmp/w"


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Cluster:
    """A pod "web" that serves HTTP and writes two lines."""
    cluster.start("web", f"echo one; echo two >&2; {SERVE}")
    return cluster


def raw(cluster: Cluster, path: str, *, check: bool = True) -> str:
    """What the node answers to the API server's proxy."""
    return cluster.run("get", "--raw", f"/api/v1/nodes/node1/proxy{path}", check=check)


def test_logs(web: Cluster) -> None:
    assert sorted(web.run("logs", "web").splitlines()) == ["one", "two"]
    assert web.run("logs", "web", "--tail=1", "--limit-bytes=2").strip() in ("on", "tw")
    stamped = web.run("logs", "web", "--timestamps").splitlines()[0]
    assert stamped[:2] == "20"
    assert "previous terminated container" in web.run("logs", "web", "-p", check=False)


def test_followed_logs_end_with_the_container(cluster: Cluster) -> None:
    cluster.start("talker", "for n in 1 2 3; do echo $n; sleep 0.2; done", wait=False, restartPolicy="Never")
    cluster.await_pod("talker", lambda pod: pod.get("status", {}).get("phase") in ("Running", "Succeeded"))
    assert cluster.run("logs", "-f", "talker").splitlines() == ["1", "2", "3"]


def test_exec_with_input_output_and_exit_code(web: Cluster) -> None:
    assert web.exec("web", "echo", "a b") == "a b\n"
    assert (
        web.run("exec", "-i", "web", "--", "sh", "-c", "cat; echo err >&2", stdin="to cat") == "to caterr\n"
    )
    words = web.kubectl.command("--namespace", web.current, "exec", "web", "--", "sh", "-c", "exit 7")
    done = subprocess.run(words, env=web.kubectl.env, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 7


def test_files_are_copied_both_ways(web: Cluster, tmp_path: Path) -> None:
    """kubectl cp needs tar in the container, which busybox has."""
    (tmp_path / "up").write_bytes(os.urandom(300_000))
    web.run("cp", str(tmp_path / "up"), f"{web.current}/web:/tmp/file")
    web.run("cp", f"{web.current}/web:/tmp/file", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_attach_reaches_the_first_process(cluster: Cluster) -> None:
    cluster.start("reader", 'read line; echo "got $line"', container={"stdin": True}, restartPolicy="Never")
    shown = cluster.run("attach", "-i", "reader", "-c", "app", stdin="hello\n", check=False)
    # The container ends as it answers: what attach does not show any more is in the log.
    cluster.await_pod("reader", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert "got hello" in shown + cluster.run("logs", "reader")


def test_a_port_is_forwarded(web: Cluster) -> None:
    words = web.kubectl.command("--namespace", web.current, "port-forward", "pod/web", ":80")
    with subprocess.Popen(words, env=web.kubectl.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split("->")[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        process.kill()
    assert answer.endswith(b"hello\n")


def test_the_nodes_paths_through_the_api_server(web: Cluster) -> None:
    assert raw(web, "/healthz") == "ok\n"
    assert raw(web, "/healthz/syncloop") == "ok\n"
    names = {pod["metadata"]["name"] for pod in json.loads(raw(web, "/pods"))["items"]}
    assert "web" in names
    running = json.loads(raw(web, "/runningpods/"))["items"]
    assert "web" in {pod["metadata"]["name"] for pod in running}
    configured = json.loads(raw(web, "/configz"))["kubeletconfig"]
    assert (configured["port"], configured["maxPods"]) == (10250, 110)
    metrics = raw(web, "/metrics")
    assert "kubelet_running_pods " in metrics
    assert "kubelet_pod_start_duration_seconds_count" in metrics
    who = f'container="app",namespace="{web.current}",pod="web"'
    assert f"container_memory_working_set_bytes{{{who}}}" in raw(web, "/metrics/resource")
    cadvisor = raw(web, "/metrics/cadvisor")
    assert "container_network_receive_bytes_total" in cadvisor
    (pod,) = [
        pod
        for pod in json.loads(raw(web, "/stats/summary"))["pods"]
        if (pod["podRef"]["namespace"], pod["podRef"]["name"]) == (web.current, "web")
    ]
    assert pod["memory"]["workingSetBytes"] > 0
    assert pod["cpu"]["usageCoreNanoSeconds"] > 0
    assert pod["network"]["name"] == "eth0"
    assert [container["name"] for container in pod["containers"]] == ["app"]


def test_what_is_not_there_is_said(web: Cluster) -> None:
    assert "does not exist on this node" in raw(web, f"/containerLogs/{web.current}/none/app", check=False)
    assert 'container "none" not found' in raw(web, f"/containerLogs/{web.current}/web/none", check=False)
    for path in ("/logs/", "/containerLogs/..%2f..%2fetc/passwd/x", "/status", "/nothing"):
        assert "NotFound" in raw(web, path, check=False) or "not exist" in raw(web, path, check=False), path
    for query in ("tailLines=-1", "sinceSeconds=x", "stream=Other", "sinceTime=now", "limitBytes=0"):
        told = raw(web, f"/containerLogs/{web.current}/web/app?{query}", check=False)
        assert "has to be" in told or "BadRequest" in told, query


class Caller:
    """Asks the node's port directly, from its own network namespace."""

    def __init__(self, cluster: Cluster, address: str) -> None:
        self.cluster = cluster
        self.address = address
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def connect(self) -> socket.socket:
        plain = self.inside(lambda: socket.create_connection((self.address, 10250), timeout=SECONDS))
        return self.context.wrap_socket(plain)

    def inside(self, work: Callable[[], socket.socket]) -> socket.socket:
        with opened(str(self.cluster.node.namespace)) as descriptor:
            return run_in(descriptor, work)

    def ask(self, head: bytes) -> bytes:
        with self.connect() as connection:
            connection.sendall(head)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def status(self, path: str, token: str = "", method: str = "GET") -> int:
        header = f"Authorization: Bearer {token}\r\n" if token else ""
        answer = self.ask(f"{method} {path} HTTP/1.1\r\nHost: node\r\n{header}\r\n".encode())
        return int(answer.split()[1])


@pytest.fixture(scope="module")
def caller(cluster: Cluster) -> Caller:
    address = cluster.get("node", "node1")["status"]["addresses"][0]["address"]
    return Caller(cluster, address)


def test_strangers_learn_nothing(caller: Caller) -> None:
    for path in ("/healthz", "/pods", "/nothing", "/metrics"):
        assert caller.status(path) == 401, path
        assert caller.status(path, "no-such-token") == 401, path
    assert caller.status("/pods", method="BREW") in (400, 405)


def test_tokens_may_what_rbac_says(cluster: Cluster, caller: Caller) -> None:
    cluster.run("create", "serviceaccount", "monitor")
    token = cluster.run("create", "token", "monitor").strip()
    assert caller.status("/metrics", token) == 403
    role = f"{cluster.current}-metrics"
    cluster.run("create", "clusterrole", role, "--verb=get", "--resource=nodes/metrics,nodes/stats")
    account = f"--serviceaccount={cluster.current}:other"
    cluster.run("create", "clusterrolebinding", role, f"--clusterrole={role}", account)
    cluster.run("create", "serviceaccount", "other")
    allowed = cluster.run("create", "token", "other").strip()
    try:
        assert caller.status("/metrics", allowed) == 200
        assert caller.status("/metrics/cadvisor", allowed) == 200
        assert caller.status("/stats/summary", allowed) == 200
        assert caller.status("/pods", allowed) == 403
        assert caller.status("/run/default/web/app?cmd=id", allowed, "POST") == 403
    finally:
        cluster.run("delete", "clusterrolebinding,clusterrole", role)


HOSTILE = {
    "a flood of headers": b"GET /pods HTTP/1.1\r\nHost: n\r\n" + b"X-A: b\r\n" * 200_000 + b"\r\n",
    "a long header": b"GET /pods HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "a long path": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x00\xff\x00\xff\r\n\r\n",
    "traversal": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: n\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_are_refused_and_the_node_goes_on(web: Cluster, caller: Caller, name: str) -> None:
    try:
        answer = caller.ask(HOSTILE[name])
    except (ConnectionError, ssl.SSLError):
        answer = b""
    assert answer == b"" or int(answer.split()[1]) in (400, 401, 404, 431)
    assert raw(web, "/healthz") == "ok\n"


def test_a_client_that_says_nothing_is_shown_the_door(web: Cluster, caller: Caller) -> None:
    with caller.connect() as slow:
        slow.sendall(b"GET /pods HTTP/1.1\r\nHost: ")
        slow.settimeout(SECONDS)
        ended = threading.Event()

        def wait() -> None:
            with suppress(OSError):
                slow.recv(1)
            ended.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert raw(web, "/healthz") == "ok\n"
        assert ended.wait(SECONDS)
        thread.join()
