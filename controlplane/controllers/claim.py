# SPDX-License-Identifier: Apache-2.0
"""Carrying out what meta.claims found: letting go and adopting."""

from collections.abc import Iterable
from typing import Any

from controlplane.controllers import meta
from controlplane.controllers.apply import Executor
from kube.client import Client
from kube.errors import ApiStatusError
from kube.kinds import Kind
from kube.selector import from_object

Json = dict[str, Any]


async def claim(
    client: Client, executor: Executor, owner: Json, owner_kind: Kind, kind: Kind, candidates: Iterable[Json]
) -> None:
    """Orphans that the owner's selector wants become its own; its own that it does not want are let go."""
    found = meta.claims(owner, from_object(owner["spec"]["selector"]), candidates)
    await executor.run([meta.release(owner, kind, obj) for obj in found.release])
    # Whoever is adopted by an owner that is being deleted would be collected with it: ask, do not believe the copy.
    if found.adopt and await _still_lives(client, owner, owner_kind):
        await executor.run([meta.adoption(owner, owner_kind, kind, obj) for obj in found.adopt])


async def _still_lives(client: Client, owner: Json, kind: Kind) -> bool:
    metadata = owner["metadata"]
    try:
        live = await client.get(kind, metadata["name"], metadata["namespace"])
    except ApiStatusError as error:
        if error.is_not_found:
            return False
        raise
    return bool(live["metadata"]["uid"] == metadata["uid"]) and not meta.is_going(live)
