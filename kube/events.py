# SPDX-License-Identifier: Apache-2.0
"""What happened to an object, told to people: core v1 Events, the same one counted up when it happens again.

Events are for reading, never for deciding: they are sent in the background, dropped when there are too many of them or
when the server does not want them, and nobody waits for them.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import EVENTS

log = logging.getLogger(__name__)

Json = dict[str, Any]
Clock = Callable[[], datetime]

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

_KEPT: Final = 4096
_WAITING: Final = 1000
# The same words within this many seconds are one Event with a count; later a new one begins.
_SERIES_SECONDS: Final = 600
# The API's own limits (k8s.io/api/events/v1).
_MESSAGE_LENGTH: Final = 1024


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell: about which object, of which type (Normal, Warning), reason (CamelCase), message.

    field is the part of the object that it is about, such as "spec.containers{app}".
    """

    about: Json
    type: str
    reason: str
    message: str
    action: str = ""
    field: str = ""


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    last: datetime


def reference(obj: Json) -> Json:
    """The ObjectReference of an object: which one, of which uid and version."""
    metadata = obj["metadata"]
    found = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata.get("uid"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    return {key: value for key, value in found.items() if value}


class Recorder:
    """Sends Events of one component ("replicaset-controller"). run() does the sending."""

    def __init__(
        self, client: Client, component: str, *, host: str = "", clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self._client, self._component, self._host, self._clock = client, component, host, clock
        self._queue: asyncio.Queue[Happening] = asyncio.Queue(_WAITING)
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()

    def record(self, happening: Happening) -> None:
        """Tell it soon; never waits, never raises."""
        try:
            self._queue.put_nowait(happening)
        except asyncio.QueueFull:
            log.warning("Dropped event %s %s: too many wait", happening.reason, happening.message)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            happening = await self._queue.get()
            try:
                await self._send(happening)
            except (ApiStatusError, UnreachableError) as error:
                log.info("Cannot record event %s %s: %s", happening.reason, happening.message, error)
            finally:
                self._queue.task_done()

    async def flushed(self) -> None:
        """Wait until everything recorded so far was sent or given up."""
        await self._queue.join()

    async def _send(self, happening: Happening) -> None:
        now = self._clock()
        key = _series_key(happening)
        series = self._series.get(key)
        if series and (now - series.last).total_seconds() < _SERIES_SECONDS:
            try:
                await self._count_up(happening, series, now)
                return
            except ApiStatusError as error:
                # Events do not live for ever; then a new series begins.
                if not error.is_not_found:
                    raise
        event = self._event(happening, now)
        await self._client.create(EVENTS, event)
        self._series[key] = _Series(event["metadata"]["name"], 1, now)
        self._series.move_to_end(key)
        if len(self._series) > _KEPT:
            self._series.popitem(last=False)

    async def _count_up(self, happening: Happening, series: _Series, now: datetime) -> None:
        patch = {"count": series.count + 1, "lastTimestamp": _seconds(now)}
        await self._client.patch(EVENTS, series.name, patch, namespace=_namespace(happening.about))
        series.count, series.last = series.count + 1, now

    def _event(self, happening: Happening, now: datetime) -> Json:
        metadata = happening.about["metadata"]
        # The object's name and the moment, as client-go names them, are unique enough and sort by time.
        name = f"{metadata['name'][:200]}.{int(now.timestamp() * 1e9):x}"
        source = {"component": self._component, "host": self._host}
        field = {"fieldPath": happening.field} if happening.field else {}
        event = {
            "metadata": {"name": name, "namespace": _namespace(happening.about)},
            "involvedObject": {**reference(happening.about), **field},
            "reason": happening.reason,
            "message": happening.message[:_MESSAGE_LENGTH],
            "type": happening.type,
            "source": {key: value for key, value in source.items() if value},
            "firstTimestamp": _seconds(now),
            "lastTimestamp": _seconds(now),
            "count": 1,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        return {**event, "action": happening.action} if happening.action else event


def _series_key(happening: Happening) -> tuple[str, ...]:
    about = happening.about
    uid = about["metadata"].get("uid", "")
    return (
        about.get("kind", ""), _namespace(about), about["metadata"]["name"], uid,
        happening.type, happening.reason, happening.message, happening.field,
    )  # fmt: skip


def _namespace(about: Json) -> str:
    # Events of cluster-scoped objects live in the namespace default.
    namespace: str = about["metadata"].get("namespace") or "default"
    return namespace


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
