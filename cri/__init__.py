# SPDX-License-Identifier: Apache-2.0
"""A typed asyncio client of the Container Runtime Interface: our values in and out, our errors, deadlines
everywhere.

`connect`, `Runtime` and `check_health` are loaded when first asked for: they bring gRPC, 30 MiB and 0.1 s,
which code that only handles values and errors does not need.
"""

import os
from typing import TYPE_CHECKING, Any

from cri.deadlines import Deadlines
from cri.errors import AlreadyExists, CriError, DeadlineExceeded, NotFound, Unavailable, Unimplemented
from cri.model import *  # noqa: F403 - the values, listed there
from cri.model import __all__ as _values

if TYPE_CHECKING:
    from cri.client import Runtime, connect
    from cri.health import check_health

__all__ = [
    "AlreadyExists",
    "CriError",
    "DeadlineExceeded",
    "Deadlines",
    "NotFound",
    "Runtime",
    "Unavailable",
    "Unimplemented",
    "check_health",
    "connect",
    *_values,
]


def __getattr__(name: str) -> Any:
    if name not in ("Runtime", "check_health", "connect"):
        raise AttributeError(f"module 'cri' has no attribute {name!r}")
    # gRPC's fork handlers abort children that are forked in the middle of a call (os.fork, subprocess with preexec_fn).
    # Nothing of ours speaks gRPC in a forked child. The switch is read when gRPC is imported.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from cri import client, health

    return getattr(health if name == "check_health" else client, name)
