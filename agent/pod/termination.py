# SPDX-License-Identifier: Apache-2.0
"""What a container says about its end: the file at its terminationMessagePath, or the end of its log.

The limits are the kubelet's: 4096 bytes a container, 12 KiB a pod; 80 lines and 2048 bytes of a log. A file belongs
to one attempt, lies in the folder of the pod and goes with it.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightkube.models import core_v1

from agent.logs.record import parse
from agent.pod.model import ObservedPod
from agent.pod.role import AnyContainer
from agent.volume.paths import PodFolders
from cri.model import ContainerState, ContainerStatus, Mount

LONGEST_MESSAGE = 4096
LONGEST_OF_POD = 12 * 1024
LONGEST_LOG = 2048
LOG_LINES = 80
DEFAULT_PATH = "/dev/termination-log"
FALLBACK = "FallbackToLogsOnError"

# How much of a log's end is read: every line has a prefix of about 45 bytes.
_BLOCK = 16 * 1024


@dataclass(frozen=True, slots=True)
class TerminationFiles:
    """The files of one node; root is where its pods' folders are."""

    root: Path

    def make(self, uid: str, container: AnyContainer, attempt: int) -> Mount:
        """Make the file of an attempt that is about to be created, writable for every user; what to mount where.

        Raises OSError.
        """
        path = self._path(uid, container.name, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch()
        path.chmod(0o666)
        return Mount(container.terminationMessagePath or DEFAULT_PATH, str(path))

    def remove(self, uid: str, name: str, attempt: int) -> None:
        """Remove the file of an attempt that nobody asks about any more; one that is gone is fine."""
        self._path(uid, name, attempt).unlink(missing_ok=True)

    def read_all(
        self, uid: str, pod: core_v1.Pod, observed: ObservedPod, known: Mapping[str, str]
    ) -> dict[str, str]:
        """The messages of all containers that ended, by container id; those that are known are not read again."""
        containers = _containers(pod)
        limit = min(LONGEST_MESSAGE, LONGEST_OF_POD // max(len(containers), 1))
        ended = [c.status for c in observed.containers if c.status.state is ContainerState.EXITED]
        return {
            status.id: known[status.id]
            if status.id in known
            else self._read(uid, containers.get(status.name), status, limit)
            for status in ended
        }

    def _read(self, uid: str, container: AnyContainer | None, status: ContainerStatus, limit: int) -> str:
        message = _first_bytes(self._path(uid, status.name, status.attempt), limit)
        wants_log = container is not None and container.terminationMessagePolicy == FALLBACK
        if not message and wants_log and status.exit_code != 0:
            message = _end_of_log(Path(status.log_path))[-limit:]
        return message.decode(errors="replace").replace("\0", "")

    def _path(self, uid: str, name: str, attempt: int) -> Path:
        return PodFolders(self.root, uid).pod / "containers" / name / str(attempt)


def _containers(pod: core_v1.Pod) -> dict[str, AnyContainer]:
    spec = pod.spec
    if spec is None:
        return {}
    lists: tuple[list[AnyContainer], ...] = (
        list(spec.initContainers or ()),
        list(spec.containers),
        list(spec.ephemeralContainers or ()),
    )
    return {container.name: container for each in lists for container in each}


def _first_bytes(path: Path, limit: int) -> bytes:
    """The beginning of a file that a container wrote; b"" for none, and for what is no regular file."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            return opened.read(limit) or b""
    return b""


def _end_of_log(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _BLOCK))
        lines = log.read(_BLOCK).splitlines(keepends=True)
        whole = lines[1:] if size > _BLOCK else lines
        return b"".join(parse(line).text for line in whole[-LOG_LINES:])[-LONGEST_LOG:]
    return b""
