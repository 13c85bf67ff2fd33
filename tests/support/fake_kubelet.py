# SPDX-License-Identifier: Apache-2.0
"""A node that runs nothing: its pods become Running and Ready with an address, and go when they are told to."""

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

from kube.client import Client
from kube.errors import ApiStatusError
from kube.informer import Informer
from kube.kinds import LEASES, NODES, PODS

Json = dict[str, Any]

# The control plane takes a node that says nothing for 40 s for lost.
_BEAT_SECONDS = 5.0


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeKubelet:
    """start() registers the node; run() then answers for its pods. ready False leaves pods unready."""

    def __init__(self, client: Client, name: str, number: int = 1) -> None:
        self.name, self.ready = name, True
        self._client, self._network = client, f"10.77.{number}"
        self._numbers = itertools.count(2)
        self._wake = asyncio.Event()

    async def start(self, **allocatable: str) -> None:
        amounts = {"cpu": "4", "memory": "8Gi", "pods": "110", **allocatable}
        node = {"metadata": {"name": self.name, "labels": {"kubernetes.io/hostname": self.name}}}
        made = await self._client.create(NODES, node)
        condition = {
            "type": "Ready",
            "status": "True",
            "lastHeartbeatTime": _now(),
            "lastTransitionTime": _now(),
        }
        status = {"capacity": amounts, "allocatable": amounts, "conditions": [condition]}
        # Controllers have perhaps changed the node by now, and it is the status alone that is written.
        del made["metadata"]["resourceVersion"]
        await self._client.update(NODES, {**made, "status": status}, subresource="status")
        await self.heartbeat()

    async def heartbeat(self) -> None:
        lease = {
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": self.name,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        await self._client.update(LEASES, lease)

    async def run(self) -> None:
        pods = Informer(self._client, PODS, fields=f"spec.nodeName={self.name}")
        pods.add_handler(lambda *_: self._wake.set())
        async with asyncio.TaskGroup() as group:
            group.create_task(pods.run())
            group.create_task(self._beat())
            while True:
                await self._wake.wait()
                self._wake.clear()
                for pod in list(pods.all()):
                    try:
                        await self._answer(pod)
                    except ApiStatusError as error:
                        if not error.is_not_found and not error.is_conflict:
                            raise
                        self._wake.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await self.heartbeat()

    async def _answer(self, pod: Json) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" in metadata:
            await self._client.delete(
                PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_seconds=0
            )
            return
        if pod.get("status", {}).get("phase") == "Running":
            return
        address = f"{self._network}.{next(self._numbers)}"
        ready = {"type": "Ready", "status": str(self.ready), "lastTransitionTime": _now()}
        status = {
            **pod.get("status", {}),
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [ready],
        }
        await self._client.update(PODS, {**pod, "status": status}, subresource="status")
