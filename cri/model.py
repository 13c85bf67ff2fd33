# SPDX-License-Identifier: Apache-2.0
"""What goes into the container runtime and what comes out, as frozen values; protobuf stays behind `cri`.

Times are nanoseconds since the epoch (0: never), memory is bytes, CPU time is microseconds, as CRI v1 has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SandboxState(StrEnum):
    """A sandbox is ready while its pause container runs."""

    READY = "ready"
    NOT_READY = "notready"


class ContainerState(StrEnum):
    """CRI's container states; UNKNOWN means that the runtime lost track of it."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


class NamespaceMode(StrEnum):
    """Whose Linux namespace a container sees."""

    POD = "pod"
    CONTAINER = "container"
    NODE = "node"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class LinuxResources:
    """A container's cgroup limits; 0 or "" leaves the runtime's default."""

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


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The pod's choice of Linux namespaces; target_id names the container of mode TARGET."""

    network: NamespaceMode = NamespaceMode.POD
    pid: NamespaceMode = NamespaceMode.CONTAINER
    ipc: NamespaceMode = NamespaceMode.POD
    target_id: str = ""


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """What the runtime writes into the pod's resolv.conf."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A port of the node that leads into the pod; handed on to the CNI plugin by the runtime."""

    container_port: int
    host_port: int = 0
    protocol: str = "TCP"
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class SandboxMetadata:
    """A sandbox's identity: CRI refuses a second sandbox with the same four values."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything RunPodSandbox is told; the same value goes into each CreateContainer of the pod."""

    metadata: SandboxMetadata
    hostname: str = ""
    log_directory: str = ""
    cgroup_parent: str = ""
    dns: DnsConfig | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    namespaces: Namespaces = Namespaces()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False
    overhead: LinuxResources | None = None
    resources: LinuxResources | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount of a host path into a container."""

    container_path: str
    host_path: str
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """Everything CreateContainer is told, besides the sandbox's configuration."""

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
    resources: LinuxResources = LinuxResources()
    namespaces: Namespaces = Namespaces()
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One row of ListPodSandbox."""

    id: str
    metadata: SandboxMetadata
    state: SandboxState
    created_at: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    runtime_handler: str = ""


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """PodSandboxStatus: a row of the list, and the addresses that the CNI plugin gave."""

    sandbox: Sandbox
    ip: str
    additional_ips: tuple[str, ...]
    info: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """ContainerStatus: what ended how; reason is the runtime's (OOMKilled, Error, Completed, StartError...)."""

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


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command run inside a container printed, and how it ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the node; uid or username is the user its configuration names."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    uid: int | None = None
    username: str = ""
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Auth:
    """Registry credentials; its repr never shows them."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    auth: str = field(default="", repr=False)
    server_address: str = ""
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


class EventKind(StrEnum):
    """What happened to a container or a sandbox."""

    CREATED = "created"
    STARTED = "started"
    STOPPED = "stopped"
    DELETED = "deleted"
    RELIST = "relist"


@dataclass(frozen=True, slots=True)
class Event:
    """A hint to look again. RELIST (container_id "") says that events may have been lost: look at everything."""

    kind: EventKind
    container_id: str
    at: int
