# SPDX-License-Identifier: Apache-2.0
"""Where a pod's volumes are on disk: the kubelet's layout. Every part that comes from outside is checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.volume.errors import VolumeError

_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class PodFolders:
    """The folders of one pod below the agent's root. Raises VolumeError for a uid that is no name of a folder."""

    root: Path
    uid: str

    @property
    def pod(self) -> Path:
        """Everything of the pod."""
        return self.root / "pods" / _component(self.uid)

    @property
    def hosts(self) -> Path:
        """The file that is mounted as /etc/hosts."""
        return self.pod / "etc-hosts"

    def volume(self, kind: str, name: str) -> Path:
        """One volume; kind is the plugin's name, such as "empty-dir"."""
        return self.pod / "volumes" / f"kubernetes.io~{kind}" / _component(name)

    def sub_path(self, volume: str, container: str, index: int) -> Path:
        """The bind mount of the subPath at this place in the container's volumeMounts."""
        return self.pod / "volume-subpaths" / _component(volume) / _component(container) / str(index)


def pod_uids(root: Path) -> frozenset[str]:
    """The pods that have something on disk."""
    folder = root / "pods"
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _component(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
        raise VolumeError(f"cannot use {name[:80]!r} as the name of a folder")
    return name
