# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a deadline, in place of sleeping."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as the condition holds; AssertionError when it does not within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not so within {seconds} s: {condition}")
        time.sleep(0.02)
