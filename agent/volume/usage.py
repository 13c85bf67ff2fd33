# SPDX-License-Identifier: Apache-2.0
"""How much an emptyDir holds, measured as du(1) does, and which ones hold more than their sizeLimit."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightkube.models import core_v1

from agent.volume.errors import VolumeError
from agent.volume.walk import opened, tree
from kube.quantity import Quantity, parse

_BLOCK: Final = 512
"""The unit of st_blocks, whatever the file system's own blocks are (stat(2))."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A volume that holds more than it may: the kubelet evicts its pod with this text."""

    volume: str
    used: int
    limit: Quantity

    def __str__(self) -> str:
        return f'Usage of EmptyDir volume "{self.volume}" exceeds the limit "{self.limit}". '


def used_bytes(folder: Path) -> int:
    """Bytes on disk of everything below folder, a file with several names once; 0 when it is not there.

    A tree that is deeper than can be walked counts as far as it was walked.
    """
    seen: set[tuple[int, int]] = set()
    blocks = 0
    with suppress(FileNotFoundError, VolumeError), opened(folder) as top:
        for entry in tree(top):
            status = entry.status
            if status.st_nlink > 1 and not entry.is_folder:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            blocks += status.st_blocks
    return blocks * _BLOCK


def limited(volumes: Iterable[core_v1.Volume]) -> tuple[tuple[str, Quantity], ...]:
    """Volumes on disk with a sizeLimit above zero. In memory the file system itself is as large as the limit."""
    return tuple(
        (volume.name, limit)
        for volume in volumes
        if volume.emptyDir and not volume.emptyDir.medium and volume.emptyDir.sizeLimit
        if (limit := parse(volume.emptyDir.sizeLimit))
    )


def excess(name: str, folder: Path, limit: Quantity) -> Excess | None:
    """The volume if it holds more than its limit."""
    used = used_bytes(folder)
    return Excess(name, used, limit) if used > limit.value() else None
