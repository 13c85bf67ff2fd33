# SPDX-License-Identifier: Apache-2.0
"""Whether a volume was made completely, as the disk tells: such a one serves on when its objects cannot be read."""

from lightkube.models import core_v1

from agent.volume.atomic_writer import DATA
from agent.volume.empty_dir import MEMORY
from agent.volume.mountinfo import is_mount_point
from agent.volume.paths import PodFolders
from agent.volume.sources import CONTENT, kind_of, volume_path


def is_ready(volume: core_v1.Volume, folders: PodFolders) -> bool:
    """Whether containers may be given the volume. A path of the node and an image are nobody's to make."""
    kind = kind_of(volume)
    if kind in ("hostPath", "image"):
        return True
    path = volume_path(folders, volume)
    if kind in CONTENT:
        return (path / DATA).is_symlink()
    if path.is_symlink():
        return True
    if volume.emptyDir and volume.emptyDir.medium != MEMORY:
        return path.is_dir()
    return path.is_dir() and is_mount_point(path)
