# SPDX-License-Identifier: Apache-2.0
"""Telling the caller which phase of `up` or `down` took how long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Called after each phase with its name and its duration in seconds."""


def silent(phase: str, seconds: float) -> None:
    """Nobody wants to know."""


@contextmanager
def phase(progress: Progress, name: str) -> Iterator[None]:
    """Time the block and report it when it succeeds."""
    start = time.monotonic()
    yield
    progress(name, time.monotonic() - start)
