# SPDX-License-Identifier: Apache-2.0
"""How many connections the process can have: each is a file descriptor, and the store needs some as well."""

import logging
import resource
from typing import Final

from controlplane.errors import ConfigError

_LOG: Final = logging.getLogger(__name__)

LEAST: Final = 128
"""Descriptors without which nothing can be served."""
_RESERVE: Final = 512
_UNLIMITED: Final = 1 << 20


def most_connections() -> int:
    """Raise the soft limit of open files to the hard one, and say how many of them are for clients.

    The others are for the store (each list has a connection of its own), nodes, files and logs. Raises ConfigError
    when there are too few.
    """
    files = _raised()
    if files < LEAST:
        raise ConfigError(
            f"cannot serve with {files} open files (RLIMIT_NOFILE): allow at least {LEAST}, better 20000"
        )
    most = files - min(_RESERVE, files // 2)
    _LOG.info("at most %d connections (%d open files)", most, files)
    return most


def _raised() -> int:
    soft, hard = (
        _UNLIMITED if limit == resource.RLIM_INFINITY else min(limit, _UNLIMITED)
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft >= hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    except (OSError, ValueError):
        # Some sandboxes forbid it: then it is what it was.
        return soft
    return hard
