# SPDX-License-Identifier: Apache-2.0
"""deletecollection: every selected object, each as if it were deleted by itself."""

from dataclasses import replace
from typing import Final

from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.verbs.call import Call
from controlplane.verbs.delete import delete
from controlplane.verbs.deletion_options import DeleteOptions
from controlplane.verbs.list import ListOptions, list_objects
from controlplane.verbs.stored import Stored

_GONE: Final = 404


async def delete_collection(
    engine: Engine, call: Call, selected: ListOptions, options: DeleteOptions
) -> tuple[list[Stored], int]:
    """Delete what a list with these options gives; the answer is those objects and the list's revision.

    Raises the ApiError of the first object that cannot be deleted; one that is gone already is fine.
    """
    listing = await list_objects(engine, call, selected)
    deleted: list[Stored] = []
    async for chunk in listing.chunks:
        for stored in chunk:
            deleted += await _delete_one(engine, call, stored, options)
    return deleted, listing.revision


async def _delete_one(engine: Engine, call: Call, stored: Stored, options: DeleteOptions) -> list[Stored]:
    metadata = stored.in_storage_version()["metadata"]
    one = replace(call, namespace=metadata.get("namespace", ""), name=metadata["name"])
    try:
        answer, _ = await delete(engine, one, options)
    except ApiError as error:
        if error.code == _GONE:
            return []
        raise
    return [answer]
