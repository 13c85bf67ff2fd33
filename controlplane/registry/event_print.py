# SPDX-License-Identifier: Apache-2.0
"""The columns of events, in the words of the core group."""

from dataclasses import replace

from controlplane.registry.columns import NAME, WIDE, computed, text
from controlplane.registry.data import Json, look
from controlplane.registry.humanize import age


def _first_seen(event: Json) -> str:
    return age(look(event, "firstTimestamp") or look(event, "eventTime"))


def _last_seen(event: Json) -> str:
    repeated = look(event, "series", "lastObservedTime")
    last = repeated or look(event, "lastTimestamp")
    return age(last) if last else _first_seen(event)


def _object(event: Json) -> str:
    kind = look(event, "involvedObject", "kind", default="").lower()
    name = look(event, "involvedObject", "name", default="")
    return f"{kind}/{name}" if name else kind


def _source(event: Json) -> str:
    component = look(event, "source", "component", default="") or look(
        event, "reportingComponent", default=""
    )
    host = look(event, "source", "host", default="") or look(event, "reportingInstance", default="")
    return f"{component}, {host}" if host else component


def _count(event: Json) -> str:
    return str(look(event, "series", "count") or look(event, "count") or 1)


EVENT_COLUMNS = (
    computed("Last Seen", _last_seen),
    text("Type", "type", empty=""),
    text("Reason", "reason", empty=""),
    computed("Object", _object),
    text("Subobject", "involvedObject", "fieldPath", empty="", priority=WIDE),
    computed("Source", _source, priority=WIDE),
    computed("Message", lambda event: look(event, "message", default="").strip()),
    computed("First Seen", _first_seen, priority=WIDE),
    computed("Count", _count, priority=WIDE),
    replace(NAME, priority=WIDE),
)
