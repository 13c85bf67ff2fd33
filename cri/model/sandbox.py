# SPDX-License-Identifier: Apache-2.0
"""A pod's sandbox: what RunPodSandbox is told, and what the runtime says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cri.model.container import ContainerStatus
from cri.model.resources import LinuxResources, Namespaces
from cri.model.security import SandboxSecurity


class SandboxState(StrEnum):
    """A sandbox is ready while its pause container runs."""

    READY = "ready"
    NOT_READY = "notready"


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """What the runtime writes into the pod's resolv.conf."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A port of the node that leads into the pod; handed on to the CNI plugin by the runtime.

    protocol is TCP, UDP or SCTP.
    """

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
    namespaces: Namespaces = field(default_factory=Namespaces)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False
    overhead: LinuxResources | None = None
    resources: LinuxResources | None = None
    security: SandboxSecurity = field(default_factory=SandboxSecurity)


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
    """PodSandboxStatus: a row of the list, and the addresses that the CNI plugin gave.

    info is the runtime's own, filled when asked for verbosely. containers is filled, and observed_at says
    when that was true, by runtimes that send CRI's container events; others leave () and 0.
    """

    sandbox: Sandbox
    ip: str
    additional_ips: tuple[str, ...]
    info: Mapping[str, str] = field(default_factory=dict)
    namespaces: Namespaces | None = None
    containers: tuple[ContainerStatus, ...] = ()
    observed_at: int = 0
