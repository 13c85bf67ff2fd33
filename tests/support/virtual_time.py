# SPDX-License-Identifier: Apache-2.0
"""An event loop whose clock jumps to the next timer when nothing else is to be done: hours of timers in an instant.

For code that only waits for timers and for other tasks; with real sockets the clock would run away from them.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Jumping(selectors.SelectSelector):
    """Never waits: the time to wait is added to the loop's clock."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("nothing will ever happen: no timer is set")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time() is virtual seconds; a timer fires at its very time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """asyncio.run on a virtual clock, which starts at 1000."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
