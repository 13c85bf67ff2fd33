# SPDX-License-Identifier: Apache-2.0
"""A node as the API server sees one: a certificate, two TLS connections, a Lease, a watch of its pods, their status."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from controlplane.auth.certificates import CLIENT_AUTH, YEAR, Names, issue, key_pem, new_key, validity
from controlplane.auth.pki import Pki
from tests.bench.pods import running
from tests.support.https import Connection, RefusedError, client_tls

Json = dict[str, Any]

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
MERGE = "application/merge-patch+json"
LEASE_SECONDS = 40


@dataclass(slots=True)
class Calls:
    """Milliseconds of single calls; every node adds its own. refused: those that had to be made again."""

    each: list[float] = field(default_factory=list)
    refused: int = 0

    async def ask(
        self,
        connection: Connection,
        method: str,
        path: str,
        obj: object = None,
        kind: str = "application/json",
    ) -> Any:
        """See Connection.ask."""
        begin = time.perf_counter()
        answer = await connection.ask(method, path, obj, kind)
        self.each.append((time.perf_counter() - begin) * 1000)
        return answer


@dataclass(slots=True, eq=False)
class Node:
    """One of the fleet, number 0 and on."""

    number: int
    port: int
    tls: ssl.SSLContext
    calls: Calls
    running: set[str] = field(default_factory=set)
    seen: str = ""
    _asking: Connection | None = None
    _watching: Connection | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lease: Json = field(default_factory=dict)
    _new: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    @property
    def name(self) -> str:
        return name_of(self.number)

    async def join(self) -> None:
        """Register, report, and watch what is to run here."""
        self._asking = await Connection.open(self.port, self.tls)
        metadata = {"name": self.name, "labels": {"kubernetes.io/hostname": self.name}}
        await self.ask("POST", NODES, {"kind": "Node", "apiVersion": "v1", "metadata": metadata})
        await self.report()
        self._lease = await self.ask("POST", LEASES, self._new_lease())
        await self.watch()

    async def watch(self) -> None:
        """On a new connection, from where the last watch ended, or from a list."""
        mine = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.name}"
        if not self.seen:
            listed = await self.ask("GET", mine)
            self.seen = listed["metadata"]["resourceVersion"]
        query = f"&watch=true&allowWatchBookmarks=true&resourceVersion={self.seen}"
        self._watching = await Connection.open(self.port, self.tls)
        await self._watching.watch(mine + query, self._take)

    async def reconnect(self) -> None:
        """As after a failure of the network: both connections are new, the watch goes on where it was."""
        while True:
            self.close()
            try:
                self._asking = await Connection.open(self.port, self.tls)
                await self.watch()
                await self.renew()
            except (OSError, RefusedError):
                self.calls.refused += 1
            else:
                return

    async def report(self) -> None:
        """What kubelets report every five minutes."""
        capacity = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()}
        status = {"capacity": capacity, "allocatable": capacity, "conditions": [ready]}
        await self.ask("PATCH", f"{NODES}/{self.name}/status", {"status": status}, MERGE)

    async def renew(self) -> None:
        """The heartbeat."""
        self._lease["spec"]["renewTime"] = micro_now()
        self._lease = await self.ask("PUT", f"{LEASES}/{self.name}", self._lease)

    async def heartbeats(self, every: float, fleet: int) -> None:
        """Renew for ever, each node at a moment of its own."""
        await asyncio.sleep(every * self.number / fleet)
        while True:
            due = time.monotonic() + every
            try:
                await self.renew()
            except RefusedError:
                self.calls.refused += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def start_pods(self) -> None:
        """Report every pod that comes as running, for ever."""
        while True:
            name = await self._new.get()
            address = f"10.{244 + self.number // 62500}.{self.number // 250}.{len(self.running) % 250}"
            status = {"status": running(address, now())}
            await self.ask("PATCH", f"/api/v1/namespaces/default/pods/{name}/status", status, MERGE)
            self.running.add(name)

    async def ask(self, method: str, path: str, obj: object = None, kind: str = "application/json") -> Any:
        async with self._turn:
            assert self._asking is not None
            return await self.calls.ask(self._asking, method, path, obj, kind)

    def close(self) -> None:
        for connection in (self._asking, self._watching):
            if connection is not None:
                connection.close()

    def _take(self, line: bytes) -> None:
        event = msgspec.json.decode(line)
        obj = event["object"]
        self.seen = obj["metadata"]["resourceVersion"]
        if event["type"] == "ADDED":
            self._new.put_nowait(obj["metadata"]["name"])

    def _new_lease(self) -> Json:
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": micro_now()}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": spec,
        }


def name_of(number: int) -> str:
    return f"node-{number:04}"


def certificates(pki: Pki, folder: Path, count: int) -> Sequence[ssl.SSLContext]:
    """A client's TLS for each node. All have one key: making keys is no part of what is measured."""
    key = new_key()
    key_path = folder / "node.key"
    key_path.write_bytes(key_pem(key))
    contexts = []
    for number in range(count):
        names = Names(f"system:node:{name_of(number)}", ("system:nodes",))
        period = validity(datetime.now(UTC), YEAR)
        path = folder / "node.crt"
        path.write_bytes(issue(pki.authority, names, key.public_key(), [CLIENT_AUTH], period))
        contexts.append(client_tls(pki.ca_path, path, key_path))
    return contexts


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
