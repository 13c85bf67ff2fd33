# SPDX-License-Identifier: Apache-2.0
"""The node's Lease: its sign of life, renewed whatever else the agent is busy with."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any, Final

from agent.node.config import NodeSettings
from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import LEASES, NODES
from kube.times import microseconds
from kube.workqueue import Backoff

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]
NAMESPACE: Final = "kube-node-lease"
_BACKOFF: Final = Backoff(first=0.2, longest=7.0)
# A renewal that is not answered in this time is given up: the next one may find another connection.
_DEADLINE: Final = 5.0


class Heartbeat:
    """Renews the Lease of one node for ever; the first time at once."""

    def __init__(self, client: Client, node_name: str, settings: NodeSettings) -> None:
        """renewed is set after the first renewal."""
        self.renewed = asyncio.Event()
        self._client, self._node, self._settings = client, node_name, settings
        self._owner: Json | None = None

    def own(self, uid: str) -> None:
        """The Node object is known: its Lease goes with it."""
        self._owner = {"apiVersion": NODES.api_version, "kind": NODES.kind, "name": self._node, "uid": uid}

    async def run(self) -> None:
        """Renew until cancelled; no failure ends it."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                async with asyncio.timeout(_DEADLINE):
                    await self._renew()
                self.renewed.set()
                failures = 0
            except (ApiStatusError, UnreachableError, TimeoutError) as error:
                failures += 1
                log.warning("cannot renew the Lease of node %s: %s", self._node, str(error) or "no answer")
            # From beginning to beginning, so that slow answers do not stretch the interval.
            pause = _BACKOFF.pause(failures) if failures else self._settings.renew_seconds
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))

    async def _renew(self) -> None:
        """A merge patch is one request and cannot meet a conflict."""
        try:
            await self._client.patch(LEASES, self._node, self._lease(), namespace=NAMESPACE)
        except ApiStatusError as error:
            if not error.is_not_found:
                raise
            await self._create()

    async def _create(self) -> None:
        lease = self._lease()
        lease["metadata"] = {**lease.get("metadata", {}), "name": self._node, "namespace": NAMESPACE}
        try:
            await self._client.create(LEASES, lease)
        except ApiStatusError as error:
            if not error.already_exists:
                raise

    def _lease(self) -> Json:
        spec = {
            "holderIdentity": self._node,
            "leaseDurationSeconds": self._settings.lease_seconds,
            "renewTime": microseconds(datetime.now(UTC)),
        }
        owners = {"metadata": {"ownerReferences": [self._owner]}} if self._owner else {}
        return {**owners, "spec": spec}
