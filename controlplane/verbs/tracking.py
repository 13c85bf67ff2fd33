# SPDX-License-Identifier: Apache-2.0
"""metadata.managedFields of writes that are no applies."""

from datetime import datetime
from typing import Any

from controlplane.patch.managed_fields import track_update
from controlplane.verbs.call import Call
from kube.schema import schema_of

Json = dict[str, Any]


def track(call: Call, obj: Json, old: Json | None, now: datetime) -> None:
    """Note in obj who wrote what; old is None for a create. Both are of the storage version.

    Objects that are stored in another version than the one they came in keep what they have: field paths differ.
    """
    if call.resource.to_storage is not None:
        return
    tracked = track_update(
        schema_of(call.resource.model),
        old,
        obj,
        manager=call.manager,
        now=now,
        subresource=call.subresource.name if call.subresource else "",
        api_version=call.resource.api_version,
    )
    managers = tracked["metadata"].get("managedFields")
    if managers:
        obj["metadata"]["managedFields"] = managers
    else:
        obj["metadata"].pop("managedFields", None)
