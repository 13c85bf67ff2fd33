# SPDX-License-Identifier: Apache-2.0
"""The network plugin's daemon as a process of its own inside a namespace, for tests that call or kill it."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netplugin.config import Settings
from netplugin.daemon import DaemonOptions, serve
from tests.support.netns import Namespace

ROOT = Path(__file__).parents[2]


@contextmanager
def daemon(
    node: Namespace, settings: Settings, *, kill_at: int = -1, interval: float = 5.0
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run the daemon until the block ends; with kill_at it kills itself at that boundary, counted from 0."""
    arguments = pickle.dumps((settings, kill_at, interval)).hex()
    process = node.start(
        sys.executable, "-m", "tests.support.netdaemon", arguments, cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the daemon did not start"
        yield process
    finally:
        process.terminate()
        process.wait(30)


class Killer:
    """A step hook that ends the process, as a crash would, when it has been called `limit` times before."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def __call__(self, _name: str) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


async def _main(settings: Settings, kill_at: int, interval: float) -> None:
    ready = asyncio.Event()
    options = DaemonOptions(refresh_interval=interval, on_step=Killer(kill_at))
    serving = asyncio.create_task(serve(settings, options, ready=ready))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not serving.done():
        print("ready", flush=True)  # noqa: T201 - what the test waits for
    with suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    asyncio.run(_main(*pickle.loads(bytes.fromhex(sys.argv[1]))))
