# SPDX-License-Identifier: Apache-2.0
"""How long to wait before a process that ended is started again (pure)."""

FIRST = 0.1
LONGEST = 5.0
HEALTHY = 10.0
"""Seconds. A process that lived this long before it ended had started well."""


def next_delay(previous: float, lived: float) -> float:
    """Seconds to wait: `FIRST` after a healthy life, else twice the previous wait and at most `LONGEST`."""
    if lived >= HEALTHY or previous == 0:
        return FIRST
    return min(previous * 2, LONGEST)
