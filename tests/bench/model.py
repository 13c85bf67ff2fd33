# SPDX-License-Identifier: Apache-2.0
"""A benchmark's result: ours beside the reference, measured in one run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. reference is None where there is nothing to compare with; budget is for people."""

    name: str
    unit: str
    ours: float
    reference: float | None
    budget: str
    met: bool | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the reference; below 1 is less."""
        return self.ours / self.reference if self.reference else None


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which this share (0..1) of all lies, by linear interpolation."""
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=100, method="inclusive")[round(share * 100) - 1]
