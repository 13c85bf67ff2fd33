# SPDX-License-Identifier: Apache-2.0
"""CPU amounts as the kernel wants them: shares (v1), weight (v2), quota per period; pure.

cpu.shares of v1 lies in 2..262144 with default 1024; cpu.weight of v2 in 1..10000 with default 100. A
straight line through both ends gives the default of 1024 a weight of 39, so that pods would lose against
everything else on the machine. The curve used here goes through both ends and through the defaults; newer
releases of runc use it for containers. An older runc that takes the line does no harm: weights are compared
among siblings only, and all siblings at one level come from one conversion.
"""

import math
from typing import Final

MIN_SHARES: Final = 2
MAX_SHARES: Final = 262_144
DEFAULT_SHARES: Final = 1024
DEFAULT_WEIGHT: Final = 100
MAX_WEIGHT: Final = 10_000
PERIOD_US: Final = 100_000
# The kernel takes no quota below 1 ms (Documentation/scheduler/sched-bwc.rst).
MIN_QUOTA_US: Final = 1000


def milli_to_shares(milli_cpu: int) -> int:
    """cpu.shares of a request in millicores: a core is 1024, nothing is the least possible 2."""
    return min(max(milli_cpu * 1024 // 1000, MIN_SHARES), MAX_SHARES)


def milli_to_quota(milli_cpu: int, period_us: int = PERIOD_US) -> int:
    """Microseconds of CPU per period of a limit in millicores; 0 (no limit) stays 0."""
    return max(milli_cpu * period_us // 1000, MIN_QUOTA_US) if milli_cpu else 0


def shares_to_weight(shares: int) -> int:
    """cpu.weight for cpu.shares; what is outside 2..262144 counts as the nearest end."""
    if shares <= MIN_SHARES:
        return 1
    if shares >= MAX_SHARES:
        return MAX_WEIGHT
    log = math.log2(shares)
    exponent = (log * log + 125 * log) / 612 - 7 / 34
    # Rounding first keeps 1024 at 100 where floating point says 100.00000000000001.
    return math.ceil(round(10**exponent, 9))


def weight_to_shares(weight: int) -> int:
    """The largest shares that give this weight: shares_to_weight(weight_to_shares(w)) == w."""
    low, high = MIN_SHARES, MAX_SHARES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if shares_to_weight(middle) <= weight else (low, middle - 1)
    return DEFAULT_SHARES if weight == DEFAULT_WEIGHT else low
