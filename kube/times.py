# SPDX-License-Identifier: Apache-2.0
"""How the API writes times."""

from datetime import UTC, datetime


def seconds(moment: datetime) -> str:
    """metav1.Time: whole seconds."""
    # strftime takes ten times as long, and every write has some of these.
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def microseconds(moment: datetime) -> str:
    """metav1.MicroTime, of Leases."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
