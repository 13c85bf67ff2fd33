# SPDX-License-Identifier: Apache-2.0
"""NFS exports, mounted by the helper of the nfs-common package where it is installed."""

from collections.abc import Sequence
from pathlib import Path

from lightkube.models import core_v1

from agent.errors import AgentError
from agent.run import run_helper
from agent.volume.errors import VolumeError
from agent.volume.model import MountNfs


def plan_nfs(
    source: core_v1.NFSVolumeSource, path: Path, options: Sequence[str] | None, *, read_only: bool
) -> MountNfs:
    """The mount; options are a PersistentVolume's mountOptions."""
    ro = ("ro",) if read_only or source.readOnly else ()
    return MountNfs(path, source.server, source.path, (*ro, *(options or ())))


async def mount_nfs(helper: Path, mount: MountNfs) -> None:
    """Run the helper. Raises VolumeError with its words, or saying that there is none."""
    options = ("-o", ",".join(mount.options)) if mount.options else ()
    try:
        await run_helper(helper, mount.source, str(mount.path), *options)
    except AgentError as error:
        hint = "; install the package nfs-common" if isinstance(error.__cause__, FileNotFoundError) else ""
        raise VolumeError(f"cannot mount {mount.source}: {error}{hint}") from error
