# SPDX-License-Identifier: Apache-2.0
"""Event of events.k8s.io/v1: other words for what the core group's events say, over their store."""

from collections.abc import Mapping
from typing import Final

from lightkube.resources import events_v1

from controlplane.registry.data import Json
from controlplane.registry.derive import derive
from controlplane.registry.event_print import EVENT_COLUMNS
from controlplane.registry.event_strategy import NewEventStrategy

# Name here -> name in the core group; fields that are not listed are called the same.
NAMES: Final[Mapping[str, str]] = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_BACK: Final = {core: name for name, core in NAMES.items()}


def to_core(event: Json) -> Json:
    """The event in the words of the core group, where involvedObject is always there."""
    renamed = {NAMES.get(name, name): value for name, value in event.items()}
    return {"involvedObject": {}, **renamed, "apiVersion": "v1", "kind": "Event"}


def from_core(event: Json) -> Json:
    """The event in the words of events.k8s.io, where eventTime is always there, if as null."""
    renamed = {_BACK.get(name, name): value for name, value in event.items()}
    return {"eventTime": None, **renamed, "apiVersion": "events.k8s.io/v1", "kind": "Event"}


RESOURCE = derive(
    events_v1.Event,
    short_names=("ev",),
    columns=EVENT_COLUMNS,
    strategy=NewEventStrategy(),
    storage="core/events",
    to_storage=to_core,
    from_storage=from_core,
)
