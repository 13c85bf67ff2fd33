# SPDX-License-Identifier: Apache-2.0
"""Schedules of CronJobs."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.registry.cron import CronError, parse_schedule


def test_five_fields() -> None:
    found = parse_schedule("*/15 0-6/3 1,15 jan-mar MON")
    assert found.minutes == {0, 15, 30, 45}
    assert found.hours == {0, 3, 6}
    assert found.days_of_month == {1, 15}
    assert found.months == {1, 2, 3}
    assert found.days_of_week == {1}
    assert found.either_day


def test_any_day_leaves_the_other_alone() -> None:
    assert not parse_schedule("0 0 * * mon").either_day
    assert not parse_schedule("0 0 1 * ?").either_day


def test_a_step_from_a_value_goes_to_the_end() -> None:
    assert parse_schedule("50/3 * * * *").minutes == {50, 53, 56, 59}


def test_descriptors() -> None:
    assert parse_schedule("@hourly") == parse_schedule("0 * * * *")
    assert parse_schedule("@weekly").days_of_week == {0}
    assert parse_schedule("@every 1h30m").every == timedelta(minutes=90)
    assert parse_schedule("@every 10ms").every == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected exactly 5 fields, found 0"),
        ("* * * * * *", "found 6"),
        ("60 * * * *", "from 0 to 59"),
        ("* 24 * * *", "from 0 to 23"),
        ("* * 0 * *", "from 1 to 31"),
        ("* * * 13 *", "from 1 to 12"),
        ("* * * * 7", "from 0 to 6"),
        ("5-1 * * * *", "from 0 to 59"),
        ("*/0 * * * *", "from 0 to 59"),
        ("a * * * *", "cannot read 'a'"),
        ("1,,2 * * * *", "cannot read ''"),
        ("-1 * * * *", "cannot read ''"),
        ("٣ * * * *", "cannot read"),
        ("@sometimes", "is none of"),
        ("@every", "is none of"),
        ("@every soon", "as a duration"),
        ("@every 1h-3m", "as a duration"),
        ("@every 99999999999999999999999h", "too long"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(CronError, match=why):
        parse_schedule(text)


@given(st.text(alphabet="0123456789*/,-?@ jan", max_size=30))
def test_any_text_is_a_schedule_or_refused_with_a_reason(text: str) -> None:
    try:
        found = parse_schedule(text)
    except CronError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert found.every or (found.minutes and found.hours and found.months)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(1, 31), st.integers(1, 12), st.integers(0, 6))
def test_single_values(minute: int, hour: int, day: int, month: int, weekday: int) -> None:
    found = parse_schedule(f"{minute} {hour} {day} {month} {weekday}")
    assert (found.minutes, found.hours, found.months) == ({minute}, {hour}, {month})
    assert (found.days_of_month, found.days_of_week) == ({day}, {weekday})
