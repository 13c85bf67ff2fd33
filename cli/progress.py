# SPDX-License-Identifier: Apache-2.0
"""Say what is going on: a line for each phase with its duration, on stderr, coloured only on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

POLL = 0.02


def tell(phase: str, seconds: float) -> None:
    """A phase that ended well."""
    mark = click.style("✓", fg="green")
    click.echo(f"  {mark} {phase:<44} {seconds:7.2f} s", err=True)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Time a block and tell it when it ended well; an error speaks for itself."""
    started = time.monotonic()
    yield
    tell(name, time.monotonic() - started)


def wait_until(ready: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until ready or the time is over; whether it became ready."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
