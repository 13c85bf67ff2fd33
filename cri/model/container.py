# SPDX-License-Identifier: Apache-2.0
"""A container: what CreateContainer is told, and what the runtime says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cri.model.resources import Device, LinuxResources, Mount, Namespaces
from cri.model.security import ContainerSecurity


class ContainerState(StrEnum):
    """CRI's container states; UNKNOWN means that the runtime lost track of it."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """Everything CreateContainer is told, besides the sandbox's configuration.

    image is what PullImage or ImageStatus resolved, user_image what the user wrote, image_handler the runtime
    handler whose variant of the image is meant. cdi_devices are names such as "vendor.com/class=name".
    stop_signal is a name such as "SIGUSR1"; "" leaves the image's.
    """

    name: str
    image: str
    attempt: int = 0
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    resources: LinuxResources = field(default_factory=LinuxResources)
    namespaces: Namespaces = field(default_factory=Namespaces)
    privileged: bool = False
    security: ContainerSecurity = field(default_factory=ContainerSecurity)
    devices: tuple[Device, ...] = ()
    cdi_devices: tuple[str, ...] = ()
    stop_signal: str = ""
    user_image: str = ""
    image_handler: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One row of ListContainers."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    image: str
    image_ref: str
    state: ContainerState
    created_at: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class ContainerUser:
    """The ids that a container's first process started with."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """ContainerStatus: what ended how; reason is the runtime's (OOMKilled, Error, Completed, StartError...).

    containerd sets OOMKilled on its own account: a moment before state is EXITED, or a moment after.

    image_id, user, stop_signal and resources are empty when the runtime does not tell, as containerd 1.6.
    """

    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: int
    started_at: int
    finished_at: int
    exit_code: int
    reason: str
    message: str
    image: str
    image_ref: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    log_path: str
    resources: LinuxResources | None = None
    info: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    image_id: str = ""
    user: ContainerUser | None = None
    stop_signal: str = ""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command run inside a container printed, and how it ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes
