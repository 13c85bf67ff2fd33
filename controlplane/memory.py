# SPDX-License-Identifier: Apache-2.0
"""What the process gives back to the system, and how often Python looks for garbage in it.

glibc keeps what was freed below something that is still in use: a thousand TLS handshakes at once leave 25 KiB each.
malloc_trim(3) gives such pages back. Python's collector looks at all objects again and again while their number grows;
what is there when the server is ready stays for good, and need not be looked at.
"""

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 5.0
GROWTH_BYTES: Final = 8 << 20
"""How much more has to be resident before it is worth trimming, which takes some 50 ms of another thread."""
THRESHOLDS: Final = (10_000, 20, 20)
"""Of the three generations; CPython's (700, 10, 10) is for programs with a hundredth of the objects."""

_STATM: Final = Path("/proc/self/statm")


def settle() -> None:
    """Called once, when everything is ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


async def give_back(
    resident: Callable[[], int] | None = None,
    trim: Callable[[], object] | None = None,
    *,
    every: float = LOOK_SECONDS,
) -> None:
    """Trim whenever the process has grown, until cancelled; ends at once where the C library cannot.

    resident gives the bytes in memory, trim gives back what it can; None: of this process, by glibc. every: seconds.
    """
    resident = resident or _resident
    trim = trim or _glibc_trim()
    if trim is None:
        return
    least = resident()
    while True:
        await asyncio.sleep(every)
        now = resident()
        if now >= least + GROWTH_BYTES:
            await asyncio.to_thread(trim)
            least = resident()
        least = min(least, now)


def _resident() -> int:
    """proc(5): the second number of statm are resident pages."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _glibc_trim() -> Callable[[], object] | None:
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return None if found is None else lambda: found(0)
