# SPDX-License-Identifier: Apache-2.0
"""From single results to what they mean: successThreshold and failureThreshold, pure."""

from dataclasses import dataclass, replace

from agent.probe.model import Outcome, Timing


@dataclass(frozen=True, slots=True)
class Count:
    """Results of one kind in a row, and the verdict so far: True good, False bad, None not yet known."""

    outcome: Outcome | None = None
    times: int = 0
    verdict: bool | None = None


def counted(count: Count, outcome: Outcome, timing: Timing) -> Count:
    """With one more result. An unknown one counts neither way and breaks no row, as in the kubelet."""
    if outcome is Outcome.UNKNOWN:
        return count
    times = count.times + 1 if outcome is count.outcome else 1
    new = replace(count, outcome=outcome, times=times)
    needed = timing.successes if outcome is Outcome.SUCCESS else timing.failures
    return new if times < needed else replace(new, verdict=outcome is Outcome.SUCCESS)
