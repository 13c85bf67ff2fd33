# SPDX-License-Identifier: Apache-2.0
"""The resident plugin: `serve` runs inside the node's asyncio loop and never works in it.

A few threads wait for connections on one listening socket, and whichever takes a call does all of it: read,
work, answer. No call passes through the loop, so a busy agent does not delay an ADD and an ADD does not
delay the agent.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from netplugin import hostports
from netplugin.config import Settings, network_of
from netplugin.errors import NetpluginError
from netplugin.ipam import Store
from netplugin.keeper import Keeper
from netplugin.listener import Listener
from netplugin.masquerade import rules_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How the daemon serves.

    workers is how many calls run at a time; refresh_interval, in seconds, is how long rules that
    somebody flushed may be missing; on_step is called at every boundary of every call with its name, for
    tests that kill there.
    """

    workers: int = 8
    refresh_interval: float = 5.0
    on_step: Callable[[str], None] = lambda _name: None


DEFAULT = DaemonOptions()


async def serve(
    settings: Settings, options: DaemonOptions = DEFAULT, *, ready: asyncio.Event | None = None
) -> None:
    """Answer shims until cancelled; `ready` is set when the first can come. Running calls are finished first.

    Raises DaemonError when another daemon serves the same socket, ConfigError for impossible settings.
    """
    keeper = Keeper()
    listener = Listener(settings.socket, options.workers, keeper, options.on_step)
    await asyncio.to_thread(_warm_up, settings, keeper)
    await asyncio.to_thread(listener.start)
    try:
        if ready is not None:
            ready.set()
        while True:
            await asyncio.sleep(options.refresh_interval)
            await asyncio.to_thread(_refresh, settings, keeper)
    finally:
        stopping = asyncio.create_task(asyncio.to_thread(listener.stop))
        while not stopping.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(stopping)


def _warm_up(settings: Settings, keeper: Keeper) -> None:
    """Pay for imports and rules before the first pod does."""
    network = network_of(settings)
    from netplugin import attach, check, gc, loopback  # noqa: F401 - what a call imports when it needs it

    if network.ip_masq:
        _logged(lambda: keeper.ensure(rules_of(network)))


def _refresh(settings: Settings, keeper: Keeper) -> None:
    _logged(keeper.refresh)
    _logged(lambda: hostports.refresh(Store(settings.state_dir, settings.network)))


def _logged(work: Callable[[], None]) -> None:
    """Rules that cannot be had now are tried again at the next refresh and by the next ADD."""
    try:
        work()
    except NetpluginError as error:
        log.error("Cannot keep rules in place: %s", error)
