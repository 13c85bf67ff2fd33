# SPDX-License-Identifier: Apache-2.0
"""Ages, durations and short lists as kubectl's users know them. The clock is asked in one place: `now`.

The steps of a duration's text are those of k8s.io/apimachinery (util/duration): the larger, the coarser.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, Final

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"
UNSET: Final = "<unset>"

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def now() -> datetime:
    """The moment that ages are counted to: the one of `as_of`, else the present."""
    return _moment.get() or datetime.now(UTC)


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """Count ages to this moment within the block: one for all rows of a table, or a fixed one in a test."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def moment_of(text: object) -> datetime | None:
    """An RFC 3339 time as a datetime with its offset; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(text: object) -> str:
    """How long ago a time was: "5m20s"; "<unknown>" when there is no time."""
    moment = moment_of(text)
    return duration(now() - moment) if moment else UNKNOWN


def duration(span: timedelta) -> str:
    """A duration in one or two units: 119s, 9m59s, 179m, 7h59m, 47h, 7d23h, 729d, 7y364d, 8y."""
    seconds = int(span.total_seconds())
    if span.total_seconds() < -1:
        return "<invalid>"
    if seconds < 2 * _MINUTE:
        return f"{max(seconds, 0)}s"
    if seconds < 3 * _HOUR:
        return _units(seconds, _MINUTE, "m", 1, "s", fine_below=10)
    if seconds < 2 * _DAY:
        return _units(seconds, _HOUR, "h", _MINUTE, "m", fine_below=8)
    if seconds < 2 * _YEAR:
        return _units(seconds, _DAY, "d", _HOUR, "h", fine_below=8)
    return _units(seconds, _YEAR, "y", _DAY, "d", fine_below=8)


def _units(seconds: int, large: int, large_name: str, small: int, small_name: str, *, fine_below: int) -> str:
    """Whole large units, and the rest in small ones as long as there are few of the large."""
    whole, rest = divmod(seconds, large)
    few = rest // small
    return f"{whole}{large_name}{few}{small_name}" if few and whole < fine_below else f"{whole}{large_name}"


def joined(texts: Iterable[object], *, empty: str = NONE) -> str:
    """The texts with commas between; "<none>" when there are none."""
    return ",".join(str(text) for text in texts) or empty


def some(texts: Iterable[str], most: int, *, empty: str = NONE) -> str:
    """The first few texts, and how many there are more: "a,b + 3 more..."."""
    known = list(texts)
    more = f" + {len(known) - most} more..." if len(known) > most else ""
    return joined(known[:most], empty=empty) + more


def labels(pairs: Mapping[str, object] | None) -> str:
    """Equality pairs, sorted: "app=web,tier=front"."""
    return joined(f"{key}={value}" for key, value in sorted((pairs or {}).items()))


_OPERATORS: Final = {"In": "in", "NotIn": "notin"}


def selector(value: Mapping[str, Any] | None) -> str:
    """A LabelSelector in the query language: "app=web,tier in (a,b),!old"; "<none>" when it selects everything."""
    if not value:
        return NONE
    terms = [(key, f"{key}={wanted}") for key, wanted in (value.get("matchLabels") or {}).items()]
    for expression in value.get("matchExpressions") or ():
        key, operator = expression.get("key", ""), expression.get("operator")
        values = ",".join(sorted(expression.get("values") or ()))
        terms.append((key, _term(key, operator, values)))
    return joined(text for _, text in sorted(terms))


def _term(key: str, operator: str, values: str) -> str:
    if operator == "Exists":
        return key
    return (
        f"!{key}" if operator == "DoesNotExist" else f"{key} {_OPERATORS.get(operator, operator)} ({values})"
    )


_LOAD_BALANCER_WIDTH: Final = 16


def load_balancer(ingress: Iterable[Mapping[str, Any]]) -> str:
    """The addresses or names of a load balancer's status, cut to 16 characters; "" when there are none."""
    text = ",".join(sorted({point.get("ip") or point.get("hostname") or "" for point in ingress} - {""}))
    return text if len(text) <= _LOAD_BALANCER_WIDTH else f"{text[: _LOAD_BALANCER_WIDTH - 3]}..."
