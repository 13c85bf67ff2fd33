# SPDX-License-Identifier: Apache-2.0
"""Limits, namespaces and file systems: what sandboxes and containers are both given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LinuxResources:
    """A container's cgroup limits; 0 or "" leaves the runtime's default.

    cpu_period and cpu_quota are microseconds, cpu_shares is v1's weight of 2 to 262144 on v2 too, memory is
    bytes. hugepage_limits is bytes by page size ("2MB"); unified is cgroup v2 files, which the runtime
    refuses on v1.
    """

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit: int = 0
    oom_score_adj: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    hugepage_limits: Mapping[str, int] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)
    memory_swap_limit: int = 0


class NamespaceMode(StrEnum):
    """Whose Linux namespace a container sees."""

    POD = "pod"
    CONTAINER = "container"
    NODE = "node"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class IdMapping:
    """`length` user or group ids from container_id on, which the node sees from host_id on."""

    host_id: int
    container_id: int
    length: int


@dataclass(frozen=True, slots=True)
class UserNamespace:
    """A pod's user namespace: mode POD with mappings, or NODE for the node's own."""

    mode: NamespaceMode
    uids: tuple[IdMapping, ...] = ()
    gids: tuple[IdMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The pod's choice of Linux namespaces; target_id names the container of mode TARGET.

    user None says nothing about user namespaces, which every runtime understands as the node's.
    """

    network: NamespaceMode = NamespaceMode.POD
    pid: NamespaceMode = NamespaceMode.CONTAINER
    ipc: NamespaceMode = NamespaceMode.POD
    target_id: str = ""
    user: UserNamespace | None = None


class MountPropagation(StrEnum):
    """Whether mounts made later on one side of a bind mount show up on the other."""

    PRIVATE = "private"
    HOST_TO_CONTAINER = "hosttocontainer"
    BIDIRECTIONAL = "bidirectional"


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount of a host path, or of an image where `image` is set, into a container.

    recursive_readonly needs readonly and private propagation, and a handler that can do it.
    """

    container_path: str
    host_path: str
    readonly: bool = False
    propagation: MountPropagation = MountPropagation.PRIVATE
    selinux_relabel: bool = False
    recursive_readonly: bool = False
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    image: str = ""
    image_sub_path: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """A device node of the node in a container; permissions are letters out of "rwm"."""

    container_path: str
    host_path: str
    permissions: str = "rwm"
