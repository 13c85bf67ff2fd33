# SPDX-License-Identifier: Apache-2.0
"""The API's times from the runtime's and ours."""

from datetime import UTC, datetime

NANOSECONDS = 1_000_000_000


def of_nanoseconds(nanoseconds: int) -> datetime | None:
    """A time of the runtime; None for its zero, which means never."""
    return datetime.fromtimestamp(nanoseconds / NANOSECONDS, UTC) if nanoseconds else None


def of_seconds(seconds: float) -> datetime:
    """A time of the clock, in whole seconds as the API keeps conditions' times."""
    return datetime.fromtimestamp(int(seconds), UTC)
