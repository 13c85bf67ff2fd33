# SPDX-License-Identifier: Apache-2.0
"""Events, stored in the words of the core group: what is checked, and what can be selected, by each group's names."""

from collections.abc import Mapping
from typing import Final

from controlplane.registry.data import Json, look
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import LABEL_KEY
from kube.problem import invalid, required, too_long, unsupported

_REFERENCE: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_MAX_TEXT: Final = 128
_MAX_NOTE: Final = 1024


class EventStrategy(KindStrategy):
    """As clients of the core group write them: hardly any rule."""

    creates_on_update = True
    # What involvedObject and reportingComponent are called in this group's field selectors.
    object_field = "involvedObject"
    component_field = "reportingComponent"

    def problems(self, obj: Json) -> Problems:
        """An event is where its object is; one about a cluster's object may be in default."""
        namespace = look(obj, "metadata", "namespace", default="")
        about = look(obj, "involvedObject", "namespace", default="")
        if about != namespace and (about or namespace != "default"):
            yield invalid(("involvedObject", "namespace"), about, f"{namespace}, the event's own namespace")

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By the object, the reason, who reports, and the type."""
        component = look(obj, "reportingComponent", default="")
        about = {
            f"{self.object_field}.{name}": look(obj, "involvedObject", name, default="")
            for name in _REFERENCE
        }
        return {
            **about,
            "reason": look(obj, "reason", default=""),
            self.component_field: component,
            "source": look(obj, "source", "component", default="") or component,
            "type": look(obj, "type", default=""),
        }


class NewEventStrategy(EventStrategy):
    """As clients of events.k8s.io/v1 write them, which has stricter rules for a new event."""

    object_field = "regarding"
    component_field = "reportingController"

    def problems(self, obj: Json) -> Problems:
        """When, who, what and why are all there. Problems name the fields of events.k8s.io."""
        yield from super().problems(obj)
        if not obj.get("eventTime"):
            # An event of the core group that is only read and written back has none.
            if not (obj.get("firstTimestamp") or obj.get("lastTimestamp")):
                yield required(("eventTime",))
            return
        yield from LABEL_KEY.check(("reportingController",), obj.get("reportingComponent"))
        for field in ("reportingInstance", "action", "reason"):
            yield from _text(field, obj.get(field) or "")
        if len((obj.get("message") or "").encode()) > _MAX_NOTE:
            yield too_long(("note",), _MAX_NOTE)
        if obj.get("type") not in ("Normal", "Warning"):
            yield unsupported(("type",), obj.get("type"), ("Normal", "Warning"))


def _text(field: str, value: str) -> Problems:
    if not value:
        yield required((field,))
    elif len(value) > _MAX_TEXT:
        yield too_long((field,), _MAX_TEXT, "characters")
