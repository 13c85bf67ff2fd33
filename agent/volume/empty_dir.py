# SPDX-License-Identifier: Apache-2.0
"""Empty folders that live as long as their pod, on disk or in memory."""

from pathlib import Path
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.qos import pod_limits
from agent.pod.facts import PodFacts
from agent.volume.errors import VolumeError
from agent.volume.model import MakeFolder, MountMemory, Operation
from kube.quantity import ZERO, parse

MEMORY: Final = "Memory"
_MODE: Final = 0o777
# What the kubelet adds for an fsGroup to a folder that containers write into.
_GROUP_WRITES: Final = 0o2770


def plan_empty_dir(
    pod: core_v1.Pod, source: core_v1.EmptyDirVolumeSource, path: Path, gid: int | None, facts: PodFacts
) -> Operation:
    """The folder, or the mount; gid is the pod's fsGroup. Raises VolumeError for a medium that there is not."""
    mode = _MODE if source.mode is None else source.mode
    if gid is not None:
        mode |= _GROUP_WRITES
    if source.medium == MEMORY:
        return MountMemory(path, mode, gid, memory_size(pod, source.sizeLimit, facts))
    if source.medium:
        raise VolumeError(f"emptyDir.medium {source.medium} is not supported; accepted: Memory, or nothing")
    return MakeFolder(path, mode, gid)


def memory_size(pod: core_v1.Pod, limit: str | None, facts: PodFacts) -> int | None:
    """Bytes that a volume in memory may grow to: its limit, the pod's, the node's, whichever is least."""
    bounds = (
        parse(limit).value() if limit else 0,
        pod_limits(pod).memory_max or 0,
        facts.allocatable.get("memory", ZERO).value(),
    )
    return min((bound for bound in bounds if bound > 0), default=None)
