# SPDX-License-Identifier: Apache-2.0
"""Ages, durations, selectors and short lists, as kubectl prints them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.registry import humanize

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (1, "1s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 1, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + MINUTE, "3h1m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY + HOUR, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR - 1, "7y364d"),
        (8 * YEAR + DAY, "8y"),
    ],
)
def test_duration(seconds: int, text: str) -> None:
    assert humanize.duration(timedelta(seconds=seconds)) == text


_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "y": YEAR}


def _read(text: str) -> int:
    seconds, number = 0, ""
    for character in text:
        if character.isdecimal():
            number += character
        else:
            seconds, number = seconds + int(number) * _UNITS[character], ""
    return seconds


@given(st.integers(0, 100 * YEAR))
def test_a_duration_s_text_is_never_more_and_loses_little(seconds: int) -> None:
    shown = _read(humanize.duration(timedelta(seconds=seconds)))
    assert shown <= seconds
    assert seconds - shown <= max(seconds / 7, 1)


@given(st.integers(0, 10 * YEAR), st.integers(0, YEAR))
def test_older_is_never_shown_as_younger(seconds: int, more: int) -> None:
    young, old = (humanize.duration(timedelta(seconds=s)) for s in (seconds, seconds + more))
    assert _read(young) <= _read(old)


def test_an_age_is_counted_to_the_given_moment() -> None:
    with humanize.as_of(datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)):
        assert humanize.age("2024-05-01T11:55:00Z") == "5m"
        assert humanize.age("2024-05-01T13:55:00.5+02:00") == "4m59s"
        assert humanize.age("2024-05-01T11:59:58.123456Z") == "1s"
        assert humanize.age(None) == humanize.age("never") == "<unknown>"
    assert humanize.now() > datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, "<none>"),
        ({}, "<none>"),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["y", "x"]}]}, "tier in (x,y)"),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, "tier notin (x)"),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, "tier"),
        (
            {"matchLabels": {"z": "1"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]},
            "!a,z=1",
        ),
    ],
)
def test_selector(selector: dict[str, object] | None, text: str) -> None:
    assert humanize.selector(selector) == text


def test_short_lists() -> None:
    assert humanize.joined([]) == humanize.labels({}) == "<none>"
    assert humanize.labels({"b": "", "a": "1"}) == "a=1,b="
    assert humanize.some(["a", "b"], 3) == "a,b"
    assert humanize.some(["a", "b", "c", "d", "e"], 3) == "a,b,c + 2 more..."


def test_load_balancers() -> None:
    assert humanize.load_balancer([]) == ""
    assert humanize.load_balancer([{"ip": "10.0.0.2"}, {"hostname": "a"}]) == "10.0.0.2,a"
    assert humanize.load_balancer([{"hostname": "balancer.example.com"}]) == "balancer.exam..."
