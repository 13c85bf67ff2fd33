# SPDX-License-Identifier: Apache-2.0
"""What containerd still holds of a container that CRI believes has ended.

When the client of StartContainer dies in the middle of the call, containerd (1.6 to 2.1 seen) may break off between
making the task and noting its process: CRI says exited, StartError, "failed to get task pid: context canceled", while
the task waits for its start for ever. CRI then refuses to remove the container: "cannot delete running task".
"""

import asyncio
import signal
from contextlib import suppress
from typing import Final

from cri import methods
from cri.calls import Caller
from cri.errors import CriError, NotFound
from cri.tasks_v1 import service_pb2 as pb

# Seconds between attempts to delete a task that was killed; its end is noted some milliseconds later.
_PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Tasks(Caller):
    """containerd's tasks by container id; another runtime answers Unimplemented."""

    async def discard_task(self, container_id: str, *, about: str = "") -> None:
        """Kill what runs of a container that CRI says has ended, and make containerd forget it.

        Succeeds on what is gone. Raises Unimplemented where the runtime is not containerd.
        """
        about = about or f"container {container_id}"
        kill = pb.KillRequest(container_id=container_id, signal=signal.SIGKILL, all=True)
        with suppress(NotFound):
            await self._call(methods.KILL_TASK, kill, about)
        for pause in _PAUSES:
            if await self._delete(container_id, about):
                return
            await asyncio.sleep(pause)
        await self._call(methods.DELETE_TASK, pb.DeleteTaskRequest(container_id=container_id), about)

    async def _delete(self, container_id: str, about: str) -> bool:
        """Whether the task is gone; it cannot be deleted before its process has ended."""
        try:
            await self._call(methods.DELETE_TASK, pb.DeleteTaskRequest(container_id=container_id), about)
        except NotFound:
            pass
        except CriError as error:
            if error.code != "FAILED_PRECONDITION":
                raise
            return False
        return True
