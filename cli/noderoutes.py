# SPDX-License-Identifier: Apache-2.0
"""Routes to other nodes' pods, from the Node objects of the API server: agent and network plugin need not know."""

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from kube.client import Client
from kube.config import from_file
from kube.informer import Informer
from kube.kinds import NODES
from netplugin import hostgw
from netplugin.model import Route

log = logging.getLogger("orlop.routes")

Json = dict[str, Any]
# How long routes that somebody removed may be missing (seconds).
REPAIR_SECONDS: Final = 30.0


async def follow(kubeconfig: Path, node_name: str) -> None:
    """Keep this node's routes to all others' pods until cancelled. While the API server is away they stay.

    Raises ConfigurationError for an unusable kubeconfig.
    """
    changed = asyncio.Event()
    async with (
        Client(from_file(kubeconfig), user_agent="orlop-routes") as client,
        asyncio.TaskGroup() as group,
    ):
        nodes = Informer(client, NODES, transform=_what_counts)
        nodes.add_handler(lambda _old, _new: changed.set())
        group.create_task(nodes.run(), name="nodes")
        await nodes.synced.wait()
        # The netlink socket belongs to the thread that opened it.
        with ThreadPoolExecutor(1, "node routes") as thread:
            await _keep(nodes, node_name, changed, thread)


async def _keep(nodes: Informer, node_name: str, changed: asyncio.Event, thread: ThreadPoolExecutor) -> None:
    told = ""
    while True:
        changed.clear()
        routes = routes_to_others(nodes.all(), node_name)
        refused = await asyncio.get_running_loop().run_in_executor(thread, hostgw.ensure, routes)
        trouble = "; ".join(map(str, refused))
        if trouble and trouble != told:
            log.warning("pods of other nodes cannot be reached: %s; host-gw needs a shared network", trouble)
        told = trouble
        try:
            async with asyncio.timeout(REPAIR_SECONDS):
                await changed.wait()
        except TimeoutError:
            pass


def routes_to_others(nodes: Iterable[Json], own_name: str) -> frozenset[Route]:
    """A route for each pod range of each other node that tells its address, of the same IP version."""
    found = set()
    for node in nodes:
        addresses = [
            ip_address(each["address"])
            for each in (node.get("status") or {}).get("addresses") or ()
            if each["type"] == "InternalIP"
        ]
        for text in _pod_ranges(node) if node["metadata"]["name"] != own_name else ():
            network = ip_network(text)
            gateway = next((each for each in addresses if each.version == network.version), None)
            if gateway is not None:
                found.add(Route(network, gateway))
    return frozenset(found)


def _pod_ranges(node: Json) -> list[str]:
    spec = node.get("spec") or {}
    return spec.get("podCIDRs") or [text for text in (spec.get("podCIDR"),) if text]


def _what_counts(node: Json) -> Json:
    """Heartbeats of a thousand nodes need not be kept."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    return {
        "metadata": {name: node["metadata"].get(name) for name in ("name", "uid", "resourceVersion")},
        "spec": {name: spec.get(name) for name in ("podCIDR", "podCIDRs")},
        "status": {"addresses": status.get("addresses")},
    }
