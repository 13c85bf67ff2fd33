# SPDX-License-Identifier: Apache-2.0
"""What volumes need to know of the node; every path is a parameter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cri.model import RuntimeHandler


@dataclass(frozen=True, slots=True)
class VolumeNode:
    """Roots and abilities. root holds pods/; handlers are the runtime's, "" being the default one.

    image_volumes and mount_options: the runtime can mount images (containerd from 2.1 on) and takes options of bind
    mounts. selinux: the host labels files.
    """

    root: Path
    cluster_domain: str = "cluster.local"
    hosts: Path = Path("/etc/hosts")
    nfs_helper: Path = Path("/sbin/mount.nfs")
    handlers: Mapping[str, RuntimeHandler] = field(default_factory=dict)
    image_volumes: bool = False
    mount_options: bool = False
    selinux: bool = False
