# SPDX-License-Identifier: Apache-2.0
"""Events do not live for ever: so long after they last happened they are removed.

They are read page by page when the next one is due, and not followed: nobody else needs a copy of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from controlplane.controllers import meta
from controlplane.controllers.controller import Controller, Key, Shared
from kube.errors import ApiStatusError
from kube.kinds import EVENTS

Json = dict[str, Any]

# kube-apiserver's --event-ttl.
LIFETIME: Final = timedelta(hours=1)
_PAGE: Final = 500
# What became due within this time is removed in one go.
_EVERY_SECONDS: Final = 60.0
_THE_KEY: Final = ("", "")


@dataclass(frozen=True, slots=True)
class Due:
    """Which Events are over, and when the next one is; None when there is none."""

    over: tuple[Json, ...]
    next_at: datetime | None


def due(events: Iterable[Json], now: datetime, lifetime: timedelta = LIFETIME) -> Due:
    """Sort these Events by whether their time is over."""
    ends = [(last_seen(event) + lifetime, event) for event in events]
    later = [end for end, _ in ends if end > now]
    return Due(tuple(event for end, event in ends if end <= now), min(later, default=None))


def last_seen(event: Json) -> datetime:
    """When it happened last, by either API's fields; what says nothing counts from its creation."""
    series = event.get("series") or {}
    said = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"]["creationTimestamp"],
    )
    return max(meta.parse_time(text) for text in said if text)


class EventLifetime(Controller):
    """One key, looked at when the next Event is due."""

    name = "event-ttl-controller"
    workers = 1

    def __init__(self, shared: Shared, lifetime: timedelta = LIFETIME) -> None:
        super().__init__(shared)
        self._lifetime = lifetime

    async def run(self) -> None:
        """As every controller; the first look is at once."""
        self.queue.add(_THE_KEY)
        await super().run()

    async def reconcile(self, key: Key) -> float:  # noqa: ARG002 - there is one
        """Remove what is over, a page at a time."""
        now, next_at = self.now(), None
        token = ""
        while True:
            page = await self._page(token)
            found = due(page["items"], now, self._lifetime)
            await self._remove(found.over)
            next_at = min((at for at in (next_at, found.next_at) if at), default=None)
            token = page["metadata"].get("continue", "")
            if not token:
                break
        wait = (next_at - now if next_at else self._lifetime).total_seconds()
        return min(max(wait, _EVERY_SECONDS), self._lifetime.total_seconds())

    async def _page(self, token: str) -> Json:
        query = {"limit": str(_PAGE), **({"continue": token} if token else {})}
        return await self.client.request("GET", EVENTS.path(), query=query)

    async def _remove(self, events: Sequence[Json]) -> None:
        for event in events:
            metadata = event["metadata"]
            try:
                await self.client.delete(
                    EVENTS,
                    metadata["name"],
                    metadata["namespace"],
                    uid=metadata["uid"],
                    resource_version=metadata["resourceVersion"],
                )
            except ApiStatusError as error:
                # It happened once more, or somebody else removed it.
                if not error.is_conflict and not error.is_not_found:
                    raise
