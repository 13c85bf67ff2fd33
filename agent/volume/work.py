# SPDX-License-Identifier: Apache-2.0
"""The blocking work on one pod's volumes. A volume that fails is noted, and the others go on."""

import logging
from collections.abc import Iterable, Mapping

from agent.errors import AgentError
from agent.volume.apply import apply_blocking
from agent.volume.errors import VolumeError
from agent.volume.model import VolumePlan
from agent.volume.paths import PodFolders
from agent.volume.plan import Inputs, content_of, plan_volume
from agent.volume.ready import is_ready
from agent.volume.sources import CONTENT, kind_of, used_volumes

log = logging.getLogger("orlop.agent")

Problems = dict[str, Exception]
"""Why a volume failed, by its name."""

# Others than the owner and root's group have no business with what pods are given.
_POD_MODE = 0o750


def plan_pod_volumes(
    inputs: Inputs, failed: Mapping[str, VolumeError], problems: Problems
) -> list[VolumePlan]:
    """The plans of all volumes in use; failed are those for which there is no token.

    What is complete on disk needs no objects: a claim was looked up when the pod came, and content that cannot be read
    now stays as it is.
    """
    plans = []
    for volume in used_volumes(inputs.pod):
        ready = False
        try:
            ready = is_ready(volume, inputs.folders)
            if ready and volume.persistentVolumeClaim:
                continue
            if volume.name in failed:
                raise failed[volume.name]
            plans.append(plan_volume(volume, inputs))
        except (AgentError, OSError) as error:
            if ready and kind_of(volume) in CONTENT:
                log.warning("pod %s: volume %s stays as it is: %s", inputs.folders.uid, volume.name, error)
            else:
                problems[volume.name] = error
    return plans


def make_pod_volumes(folders: PodFolders, plans: Iterable[VolumePlan], problems: Problems) -> None:
    """Perform the plans, but for mounts of NFS."""
    for folder in (folders.pod.parent, folders.pod):
        folder.mkdir(_POD_MODE, parents=True, exist_ok=True)
    for plan in plans:
        try:
            apply_blocking(plan.operations)
        except (AgentError, OSError) as error:
            problems[plan.volume] = error


def rewrite_pod_volumes(inputs: Inputs, problems: Problems) -> None:
    """Write the content of complete volumes anew where it changed; problems may name volumes to leave alone."""
    for volume in used_volumes(inputs.pod):
        if volume.name in problems:
            continue
        try:
            if kind_of(volume) in CONTENT and is_ready(volume, inputs.folders):
                content = content_of(volume, inputs)
                apply_blocking([content] if content else [])
        except (AgentError, OSError) as error:
            problems[volume.name] = error


def raise_problems(problems: Mapping[str, Exception]) -> None:
    """One VolumeError for all, in the kubelet's words."""
    if problems:
        texts = (
            f'MountVolume.SetUp failed for volume "{name}" : {_why(error)}'
            for name, error in problems.items()
        )
        raise VolumeError("; ".join(texts))


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
