# SPDX-License-Identifier: Apache-2.0
"""What the daemons share: logging to stderr, signals that end them cleanly, and the --config option."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import click

log = logging.getLogger("orlop")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The node's configuration file (kind NodeConfig).",
)
once_option = click.option("--once", is_flag=True, help="End when everything is as it should be.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")


def set_up_logging() -> None:
    """One line an event, on stderr, with the time; a supervisor adds nothing."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    # What the format does not show need not be found out for every line (Logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the HOWTO's own words


def run_daemon(main: Coroutine[Any, Any, None], errors: tuple[type[Exception], ...]) -> None:
    """Run until it ends by itself, or cleanly at SIGTERM or SIGINT.

    errors: those of the daemon's components; each is said in one line, and the exit code is 1. Given by the caller
    because importing one component's errors for another costs memory for as long as the daemon lives.
    """
    set_up_logging()
    failed = False
    try:
        asyncio.run(_until_signal(main))
    except* errors as group:
        failed = True
        for error in _leaves(group):
            log.error("%s", error)
    if failed:
        sys.exit(1)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _until_signal(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(main)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped by a signal; pods run on")
