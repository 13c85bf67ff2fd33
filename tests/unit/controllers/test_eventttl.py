# SPDX-License-Identifier: Apache-2.0
"""When an Event is over."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.controllers.eventttl import due, last_seen
from tests.unit.controllers.objects import NOW, at, metadata

Json = dict[str, Any]


def event(name: str = "e", created: float = -9000, **fields: Any) -> Json:
    return {"metadata": metadata(name, creationTimestamp=at(created)), **fields}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, -9000),
        ({"lastTimestamp": at(-60), "firstTimestamp": at(-600)}, -60),
        ({"eventTime": "2025-12-31T23:59:50.123456Z", "lastTimestamp": None}, -9.876544),
        ({"eventTime": at(-50), "series": {"count": 2, "lastObservedTime": at(-5)}}, -5),
        ({"lastTimestamp": at(-90000)}, -9000),
    ],
)
def test_when_it_happened_last(fields: Json, seconds: float) -> None:
    assert last_seen(event(**fields)) == NOW + timedelta(seconds=seconds)


def test_what_is_over_and_what_is_next() -> None:
    ages = {"old": -3601, "just": -3600, "soon": -3590, "later": -10}
    events = [event(name, created) for name, created in ages.items()]
    found = due(events, NOW)
    assert [each["metadata"]["name"] for each in found.over] == ["old", "just"]
    assert found.next_at == NOW + timedelta(seconds=10)
    assert due([], NOW).next_at is None
    assert due(events, NOW, timedelta(hours=2)).over == ()
