# SPDX-License-Identifier: Apache-2.0
"""Which kinds the API server has, asked of it; for the controllers that deal with all of them."""

from collections.abc import Iterable
from typing import Any

from kube.client import Client
from kube.kinds import Kind

Json = dict[str, Any]


async def kinds(client: Client, *verbs: str) -> list[Kind]:
    """Every kind that has all of these verbs, in its preferred version. Raises what Client raises."""
    found = _read(await client.request("GET", "/api/v1"), "", "v1", verbs)
    groups = await client.request("GET", "/apis")
    for group in groups.get("groups") or ():
        version = group["preferredVersion"]
        listed = await client.request("GET", f"/apis/{version['groupVersion']}")
        found += _read(listed, group["name"], version["version"], verbs)
    return found


def _read(listed: Json, group: str, version: str, verbs: Iterable[str]) -> list[Kind]:
    return [
        Kind(group, version, item["name"], item["kind"], item["namespaced"])
        for item in listed.get("resources") or ()
        if "/" not in item["name"] and set(verbs) <= set(item["verbs"])
    ]
