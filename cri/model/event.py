# SPDX-License-Identifier: Apache-2.0
"""What the runtime reports without being asked."""

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What happened to a container or a sandbox.

    OOM, the kernel killing some process of the container for want of memory, comes only from containerd's own
    event stream (containerd before 2.0); elsewhere a container's reason, OOMKilled, is all there is.
    """

    CREATED = "created"
    STARTED = "started"
    STOPPED = "stopped"
    DELETED = "deleted"
    RELIST = "relist"
    OOM = "oom"


@dataclass(frozen=True, slots=True)
class Event:
    """A hint to look again. RELIST (container_id "") says that events may have been lost: look at everything.

    container_id is a sandbox's id for the sandbox itself. `at` is nanoseconds since the epoch.
    """

    kind: EventKind
    container_id: str
    at: int
