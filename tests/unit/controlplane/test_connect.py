# SPDX-License-Identifier: Apache-2.0
"""log, exec and proxy reach the node's agent, a pod or a Service's endpoint, with bytes going both ways."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.http.connect import Connector
from controlplane.http.server import ApiServer
from controlplane.http.splice import Connection
from controlplane.verbs.reader import StoreReader
from tests.support.apiserver import Running, running


class Agent:
    """Notes the head of each request; answers an upgrade with an echo, anything else with what was asked."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.dialled: list[tuple[str, int, bool]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if "Upgrade: SPDY/3.1" in head:
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
            )
            while data := await reader.read(1 << 16):
                writer.write(data.upper())
                await writer.drain()
        else:
            body = head.split()[1].encode() + await self._body(head, reader)
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
        writer.close()

    async def _body(self, head: str, reader: asyncio.StreamReader) -> bytes:
        lengths = [
            line.split()[1] for line in head.split("\r\n") if line.lower().startswith("content-length")
        ]
        return await reader.readexactly(int(lengths[0])) if lengths else b""


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent()


@pytest.fixture(scope="module")
def api(agent: Agent) -> Iterator[Running]:
    async def dial(host: str, port: int, tls: bool) -> Connection:
        agent.dialled.append((host, port, tls))
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        agent_reader, agent_writer = await asyncio.open_connection(sock=ours)
        tasks.append(asyncio.create_task(agent.answer(agent_reader, agent_writer)))
        return reader, writer

    def prepare(server: ApiServer) -> None:
        reader = StoreReader(server.engine.registry, server.engine.store)
        server.connector = Connector(server.engine, reader, dial)

    tasks: list[asyncio.Task[None]] = []
    with running(prepare=prepare) as server:
        node = {"metadata": {"name": "node1"}}
        assert server.post("/api/v1/nodes", node).code == 201
        addresses = [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "192.0.2.1"}]
        status = {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}}}
        assert server.patch("/api/v1/nodes/node1/status", {"status": status}).code == 200
        yield server


def pod(api: Running, name: str, *containers: str, node: str = "node1") -> str:
    listed = [
        {"name": container, "image": "i", "ports": [{"containerPort": 8080}]} for container in containers
    ]
    spec: dict[str, Any] = {"containers": listed, **({"nodeName": node} if node else {})}
    made = api.post("/api/v1/namespaces/default/pods", {"metadata": {"name": name}, "spec": spec})
    assert made.code == 201, made.body
    return f"/api/v1/namespaces/default/pods/{name}"


def test_log_goes_to_the_agent_of_the_node(api: Running, agent: Agent) -> None:
    path = pod(api, "logs", "c")
    answer = api.get(f"{path}/log?tailLines=5&follow=true", Authorization="Bearer secret", X_Note="kept")
    assert (answer.code, answer.body) == (200, b"/containerLogs/default/logs/c?tailLines=5&follow=true")
    assert agent.dialled[-1] == ("192.0.2.1", 10251, True)
    assert "X-Note: kept" in agent.heads[-1]
    assert "secret" not in agent.heads[-1]


def test_exec_is_spliced_both_ways(api: Running, agent: Agent) -> None:
    path = pod(api, "exec", "c")
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as client:
        query = "command=sh&command=-c&stdin=true&stdout=true&stderr=false&tty=true"
        head = f"POST {path}/exec?{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        client.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += client.recv(4096)
        assert received.startswith(b"HTTP/1.1 101 ")
        sent = b"hello " * 500_000
        threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()
        echoed = b""
        while len(echoed) < len(sent):
            echoed += client.recv(1 << 16)
        assert echoed == sent.upper()
    assert agent.heads[-1].startswith(
        "POST /exec/default/exec/c?command=sh&command=-c&input=1&output=1&tty=1 HTTP/1.1"
    )


def test_portforward(api: Running) -> None:
    path = pod(api, "ports", "c")
    assert api.get(f"{path}/portforward?ports=80").body == b"/portForward/default/ports?port=80"


def test_a_container_has_to_be_named_when_there_are_two(api: Running) -> None:
    path = pod(api, "two", "a", "b")
    answer = api.get(f"{path}/log")
    assert (answer.code, "choose one of: [a b]" in answer.json["message"]) == (400, True)
    assert api.get(f"{path}/log?container=b").body.startswith(b"/containerLogs/default/two/b")
    assert api.get(f"{path}/log?container=x").code == 400


def test_pods_without_a_node_have_no_log(api: Running) -> None:
    answer = api.get(f"{pod(api, 'nowhere', 'c', node='')}/log")
    assert (answer.code, "does not have a host assigned" in answer.json["message"]) == (400, True)
    assert api.get("/api/v1/namespaces/default/pods/none/log").code == 404


def test_proxies(api: Running, agent: Agent) -> None:
    assert api.get("/api/v1/nodes/node1/proxy/stats/summary?x=%2F").body == b"/stats/summary?x=%2F"
    path = pod(api, "web", "c")
    api.patch(f"{path}/status", {"status": {"podIP": "192.0.2.9"}})
    posted = api.post("/api/v1/namespaces/default/pods/web:81/proxy/a/b", {"k": 1})
    assert posted.body == b'/a/b{"k": 1}'
    assert agent.dialled[-1] == ("192.0.2.9", 81, False)
    service = {
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80, "name": "http"}], "clusterIP": "None"},
    }
    assert api.post("/api/v1/namespaces/default/services", service).code == 201
    none = api.get("/api/v1/namespaces/default/services/s:http/proxy/")
    assert (none.code, none.json["message"]) == (503, 'no endpoints available for service "s"')
    subsets = [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"name": "http", "port": 8080}]}]
    api.post("/api/v1/namespaces/default/endpoints", {"metadata": {"name": "s"}, "subsets": subsets})
    assert api.get("/api/v1/namespaces/default/services/s:http/proxy/x").body == b"/x"
    assert agent.dialled[-1] == ("192.0.2.7", 8080, False)
