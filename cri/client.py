# SPDX-License-Identifier: Apache-2.0
"""Connecting to a runtime: the channel and what is asked at first."""

from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from cri.deadlines import Deadlines
from cri.events import Events
from cri.image import Images
from cri.model.runtime import RuntimeInfo
from cri.stats import Stats
from cri.streams import Streams
from cri.tasks import Tasks

SOCKET_PATH_LIMIT: Final = 107
"""Bytes that a unix socket's path may have: sun_path is 108 with its final NUL (unix(7))."""

_OPTIONS: Final = (
    # A runtime that restarts is back within a second; gRPC's own pauses grow to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # CRI's limit for messages, which kubelets and runtimes agree on.
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    # Without it the socket's path goes out as HTTP/2 authority, which newer Go servers refuse.
    ("grpc.default_authority", "localhost"),
    # Two clients in one process must not share one connection: closing one would not close it.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # Repeating is decided in cri.calls, where it is known which calls change something.
    ("grpc.enable_retries", 0),
)


class Runtime(Events, Streams, Images, Stats, Tasks):
    """A container runtime. Every call takes `about`, for whom it is made, and raises CriError with it."""

    info: RuntimeInfo
    """What was asked at connect; asked again by `events` when the runtime comes back."""

    async def close(self) -> None:
        """Close the connection. Calls under way fail with Unavailable, events() ends."""
        self._closed = True
        await self._channel.close()


async def connect(socket: Path | str, *, deadlines: Deadlines | None = None, wait: float = 0) -> Runtime:
    """Connect to the runtime at a unix socket and ask who it is and what it can do.

    wait: seconds to wait for a runtime that is not there yet or still starting; 0 is for one that must be
    there. Raises Unavailable when nothing answers, Unimplemented when what answers does not serve CRI v1.
    """
    path = str(socket).removeprefix("unix://")
    if len(path.encode()) > SOCKET_PATH_LIMIT:
        raise ValueError(
            f"cannot connect to {path}: a unix socket's path has at most {SOCKET_PATH_LIMIT} bytes"
        )
    channel = grpc.aio.insecure_channel(f"unix:{path}", options=_OPTIONS)
    runtime = Runtime(channel, path, deadlines or Deadlines())
    try:
        await runtime.await_start(wait)
        runtime.info = await runtime.learn()
    except BaseException:
        await runtime.close()
        raise
    return runtime
