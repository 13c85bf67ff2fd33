# SPDX-License-Identifier: Apache-2.0
"""Schedules of CronJobs: five fields, or @hourly and the like, or @every with a duration.

The language is that of robfig/cron's standard parser, which Kubernetes uses: minute, hour, day of month, month, day
of week; lists, ranges, steps, names of months and days; "?" is the same as "*"; Sunday is 0.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_NAMES_OF_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAMES_OF_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class CronError(ValueError):
    """A text that is no schedule; says which part is wrong."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    names: dict[str, int]


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_NAMES_OF_MONTHS, 1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_NAMES_OF_DAYS)}),
)
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job runs. With `every` set it runs at that distance, else at the times that are in all sets.

    A day fits when day of month and day of week both do; when neither is "*", one of the two is enough.
    """

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days_of_month: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    days_of_week: frozenset[int] = frozenset()
    either_day: bool = False
    every: timedelta | None = None


def parse_schedule(text: str) -> Schedule:
    """Read a schedule; raises CronError."""
    text = text.strip()
    if text.startswith("@every "):
        return Schedule(every=_duration(text.removeprefix("@every ")))
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise CronError(f"{text!r} is none of {', '.join(sorted(_DESCRIPTORS))} and @every <duration>")
    parts = _DESCRIPTORS.get(text, text).split()
    if len(parts) != len(_FIELDS):
        raise CronError(f"expected exactly 5 fields, found {len(parts)}: {text!r}")
    sets = [_values(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    either = not (_is_any(parts[2]) or _is_any(parts[4]))
    return Schedule(sets[0], sets[1], sets[2], sets[3], sets[4], either_day=either)


def _is_any(part: str) -> bool:
    return part[0] in "*?"


def _values(part: str, field: _Field) -> frozenset[int]:
    return frozenset(value for term in part.split(",") for value in _term(term, field))


def _term(term: str, field: _Field) -> range:
    """One of "*", "5", "mon-fri", "*/10", "5-30/5"; "5/10" goes on to the field's end."""
    span, slash, step_text = term.partition("/")
    step = _number(step_text, term, field) if slash else 1
    if span in ("*", "?"):
        first, last = field.first, field.last
    else:
        low, dash, high = span.partition("-")
        first = _number(low, term, field)
        last = _number(high, term, field) if dash else field.last if slash else first
    if not (field.first <= first <= last <= field.last) or step < 1:
        raise CronError(f"{term!r} is no {field.name}: it goes from {field.first} to {field.last}")
    return range(first, last + 1, step)


def _number(text: str, term: str, field: _Field) -> int:
    known = field.names.get(text.lower())
    if known is not None:
        return known
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise CronError(f"cannot read {text!r} in {term!r} as a {field.name}")
    return int(text)


def _duration(text: str) -> timedelta:
    """A duration as Go writes it, such as 1h30m; what is below a second counts as a second."""
    found = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text or len(text) > 40:
        raise CronError(f"cannot read {text!r} as a duration such as 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in found)
    try:
        return timedelta(seconds=max(1, int(seconds)))
    except OverflowError as error:
        raise CronError(f"the duration {text!r} is too long") from error
