# SPDX-License-Identifier: Apache-2.0
"""Empties the node: no new pods, and those that are here are evicted, as `kubectl drain` does, by the node itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

from agent.api.intake import is_mirror
from agent.errors import AgentError
from kube.client import Client
from kube.errors import ApiStatusError
from kube.kinds import NODES, PODS

Json = dict[str, Any]
# A budget that allows no disruption now is asked again after so many seconds, and so is what is still going.
_AGAIN: Final = 1.0


async def drain(client: Client, node_name: str, seconds: float) -> AsyncIterator[str]:
    """Cordon the node and evict its pods; a line for each step. Ends when they are gone.

    Mirror pods and those of DaemonSets stay. Raises AgentError with what is left when the time is over, and
    ApiStatusError or UnreachableError of the API server.
    """
    deadline = time.monotonic() + seconds
    await client.patch(NODES, node_name, {"spec": {"unschedulable": True}})
    yield f"node/{node_name} cordoned"
    evicted = set[str]()
    refused: dict[str, str] = {}
    while pods := await _pods(client, node_name):
        for pod in pods:
            uid, name = pod["metadata"]["uid"], _name(pod)
            if uid in evicted or "deletionTimestamp" in pod["metadata"]:
                continue
            try:
                await _evict(client, pod)
            except ApiStatusError as error:
                if error.code != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                refused[name] = str(error)
                continue
            evicted.add(uid)
            yield f"evicting pod {name}"
        if time.monotonic() > deadline:
            raise AgentError(_left(node_name, pods, refused, seconds))
        await asyncio.sleep(_AGAIN)
    yield f"node/{node_name} drained"


async def _pods(client: Client, node_name: str) -> list[Json]:
    whole = await client.list(PODS, fields=f"spec.nodeName={node_name}")
    return [pod for pod in whole["items"] if not is_mirror(pod) and not _is_of_daemon_set(pod)]


def _is_of_daemon_set(pod: Json) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner["kind"] == "DaemonSet" and owner.get("controller") for owner in owners)


async def _evict(client: Client, pod: Json) -> None:
    metadata = pod["metadata"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
    }
    try:
        await client.create(PODS, eviction, subresource="eviction", name=metadata["name"])
    except ApiStatusError as error:
        # Gone, or a namesake is there by now, which is looked at in the next round.
        if not error.is_not_found and not error.is_conflict:
            raise


def _left(node_name: str, pods: list[Json], refused: dict[str, str], seconds: float) -> str:
    told = []
    for pod in pods:
        name = _name(pod)
        told.append(f"{name} ({refused[name]})" if name in refused else name)
    return f"cannot drain node {node_name} within {seconds:g} s: {len(pods)} pods are left: {', '.join(told)}"


def _name(pod: Json) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
