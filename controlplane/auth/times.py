# SPDX-License-Identifier: Apache-2.0
"""Times as the Kubernetes API writes them (RFC 3339 in UTC), and as seconds since 1970."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Clock = Callable[[], float]


def written(seconds: float) -> str:
    """2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written_exactly(seconds: float) -> str:
    """2026-01-31T12:00:00.000000Z (metav1.MicroTime)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_of(text: str) -> float:
    """Of an RFC 3339 time with its zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no zone in {text!r}")
    return moment.timestamp()


def deleted_at(obj: dict[str, Any]) -> float | None:
    """When the object's deletion was asked for, None if it was not."""
    text = obj["metadata"].get("deletionTimestamp")
    return seconds_of(text) if text else None
