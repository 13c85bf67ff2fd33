# SPDX-License-Identifier: Apache-2.0
"""Floods, strangers, garbage and too many connections against the process that users start."""

import os
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

import pytest

from controlplane.auth.certificates import new_authority, new_key
from tests.support.apiclient import ApiClient
from tests.support.apiprocess import ApiProcess
from tests.support.wait import until

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
CONNECTIONS = 5000
SECURE = int(os.environ.get("ORLOP_TLS_CONNECTIONS", "200"))
"""TLS connections beside the bare ones; with 5000 it takes a minute."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with ApiProcess(tmp_path_factory.mktemp("clients")) as process:
        yield process


def heartbeat(node: ApiClient, name: str) -> int:
    """What a kubelet does: renew the Lease; the code."""
    found = node.get(f"{LEASES}/{name}")
    if found.code == 404:
        made = {"metadata": {"name": name}, "spec": {"holderIdentity": name, "leaseDurationSeconds": 40}}
        return node.post(LEASES, made).code
    lease = found.json
    lease["spec"]["renewTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return node.put(f"{LEASES}/{name}", lease).code


def test_heartbeats_flow_beside_a_flood(process: ApiProcess) -> None:
    node = process.person("system:node:n1", "system:nodes")
    assert heartbeat(node, "n1") == 201
    over = threading.Event()
    codes: list[int] = []

    def flood() -> None:
        client = process.person("mallory")
        while not over.is_set():
            with suppress(OSError, HTTPException):
                codes.append(client.get("/api/v1/pods").code)

    threads = [threading.Thread(target=flood) for _ in range(12)]
    for thread in threads:
        thread.start()
    until(lambda: len(codes) > 100, 60)
    assert [heartbeat(node, "n1") for _ in range(20)] == [200] * 20
    over.set()
    for thread in threads:
        thread.join()
    assert set(codes) <= {403, 429}


def test_strangers_are_turned_away(process: ApiProcess) -> None:
    key = new_key()
    foreign = new_authority("kubernetes", datetime.now(UTC), key)
    ended = process.identity(process.pki.authority, "late", "system:masters", lasts=timedelta(minutes=-1))
    for context in (process.identity(foreign, "eve", "system:masters"), ended):
        with pytest.raises((ssl.SSLError, ConnectionError, HTTPException)):
            process.caller(context).get("/api/v1/namespaces")
    nobody = process.caller(process.context())
    assert nobody.get("/api/v1/namespaces").code == 401
    assert nobody.get("/healthz").code == 200


def test_garbage_in_place_of_tls(process: ApiProcess) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for said in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 5000,
        hello + os.urandom(500),
        hello,
        b"\x16\x03\x01\xff\xff",
    ):
        with socket.create_connection((process.address, process.port), timeout=60) as client:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while client.recv(4096):
                    pass
    assert process.admin().get("/readyz").code == 200


def as_many_as_allowed() -> int:
    """Each is a descriptor of ours as well."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return CONNECTIONS if hard == resource.RLIM_INFINITY else min(CONNECTIONS, hard - SECURE - 300)


def test_five_thousand_connections(process: ApiProcess) -> None:
    """Most of them say nothing, some have shaken hands; meanwhile everybody else is served."""
    with ExitStack() as stack:
        admin = process.admin()
        for number in range(as_many_as_allowed()):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((process.address, process.port))
            if number % 500 == 0:
                assert admin.get("/api/v1/namespaces/default").code == 200
        for _ in range(SECURE):
            stack.enter_context(admin.connect())
        assert admin.get("/readyz").code == 200
        assert heartbeat(process.person("system:node:n2", "system:nodes"), "n2") == 201
    assert process.process.poll() is None


@pytest.mark.parametrize("files", [150, 400])
def test_few_descriptors(tmp_path: Path, files: int) -> None:
    """More clients than descriptors: who asks is served all the same, and nothing breaks."""
    process = ApiProcess(tmp_path)
    process.wrapper = ("prlimit", f"--nofile={files}:{files}", "--")
    with process, ExitStack() as stack:
        for _ in range(2 * files):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((process.address, process.port))
        admin = process.admin()
        for number in range(20):
            assert admin.get("/api/v1/configmaps").code == 200
            made = admin.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": f"few{number}"}})
            assert made.code == 201
        assert "Traceback" not in process.log


def test_too_few_descriptors_are_told_at_the_start(tmp_path: Path) -> None:
    process = ApiProcess(tmp_path)
    process.wrapper = ("prlimit", "--nofile=64:64", "--")
    process.launch()
    assert process.ended() == 1
    assert "cannot serve with 64 open files (RLIMIT_NOFILE): allow at least 128" in process.log


def test_a_graceful_stop(tmp_path: Path) -> None:
    """Watches end with a whole line, what is being answered is answered, who is stuck does not hold it up."""
    with ApiProcess(tmp_path, stopSeconds=2) as process, ExitStack() as stack:
        admin = process.admin()
        watch = stack.enter_context(admin.watch("/api/v1/namespaces?watch=1&allowWatchBookmarks=1"))
        assert next(watch)["type"] == "ADDED"
        # One has half a body under way, one nothing, one reads nothing of what it is sent.
        slow, _, deaf = (stack.enter_context(admin.connect()) for _ in range(3))
        head = b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\n"
        slow.sendall(head + b'{"metadata":{"name"')
        deaf.sendall(b"GET /api/v1/namespaces?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        process.process.send_signal(signal.SIGTERM)
        slow.sendall(b':"slow"}}   ')
        assert slow.recv(4096).startswith((b"HTTP/1.1 201", b"HTTP/1.1 503"))
        assert {event["type"] for event in watch} <= {"ADDED", "BOOKMARK"}
        assert process.ended() == 0, process.log[-3000:]
