# SPDX-License-Identifier: Apache-2.0
"""Makes the Node object, or gives the one that is there the labels of this node; asks for ever."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from agent.node.status_patch import label_patch
from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import NODES
from kube.workqueue import Backoff

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]
_BACKOFF: Final = Backoff(first=0.2, longest=7.0)


async def register(client: Client, wanted: Callable[[], Json]) -> Json:
    """The Node object as the API server has it afterwards. wanted makes the one to create, as of now."""
    failures = 0
    while True:
        try:
            return await _register(client, wanted())
        except (ApiStatusError, UnreachableError) as error:
            failures += 1
            log.warning("cannot register the node: %s", error)
            await asyncio.sleep(_BACKOFF.pause(failures))


async def _register(client: Client, wanted: Json) -> Json:
    name = wanted["metadata"]["name"]
    try:
        current = await client.get(NODES, name)
    except ApiStatusError as error:
        if not error.is_not_found:
            raise
        made = await client.create(NODES, wanted)
        log.info("node %s is registered", name)
        return made
    patch = label_patch(current, wanted["metadata"]["labels"])
    provider = wanted["spec"].get("providerID")
    if provider and not (current.get("spec") or {}).get("providerID"):
        patch["spec"] = {"providerID": provider}
    return await client.patch(NODES, name, patch) if patch else current
