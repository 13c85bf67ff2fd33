# SPDX-License-Identifier: Apache-2.0
"""What containers, pods and file systems use.

None: the runtime did not measure it. at: nanoseconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cri.model.sandbox import SandboxMetadata


@dataclass(frozen=True, slots=True)
class PressureLine:
    """One line of a cgroup's pressure file: microseconds stalled, and percent of the last 10, 60, 300 s."""

    total: int
    avg10: float
    avg60: float
    avg300: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """Pressure stall information: all tasks stalled at once, and at least one."""

    full: PressureLine | None
    some: PressureLine | None


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """total_ns is CPU time since the start, over all cores; rate_nanocores is 1e9 for one busy core."""

    at: int
    total_ns: int | None
    rate_nanocores: int | None
    pressure: Pressure | None = None


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """Bytes, and page faults in number. working_set is what cannot be reclaimed: evictions go by it."""

    at: int
    working_set: int | None
    available: int | None
    usage: int | None
    rss: int | None
    page_faults: int | None
    major_page_faults: int | None
    pressure: Pressure | None = None


@dataclass(frozen=True, slots=True)
class SwapUsage:
    """Bytes of swap."""

    at: int
    available: int | None
    usage: int | None


@dataclass(frozen=True, slots=True)
class IoUsage:
    """Pressure on storage."""

    at: int
    pressure: Pressure | None


@dataclass(frozen=True, slots=True)
class FilesystemUsage:
    """How much is used of the file system, or of the folder, at `mountpoint`, in bytes and inodes."""

    at: int
    mountpoint: str
    used_bytes: int | None
    inodes_used: int | None


@dataclass(frozen=True, slots=True)
class ImageFsInfo:
    """The file systems that hold images, and where it is told those that hold containers' writable layers."""

    images: tuple[FilesystemUsage, ...]
    containers: tuple[FilesystemUsage, ...]


@dataclass(frozen=True, slots=True)
class InterfaceUsage:
    """Bytes and errors that one interface counted."""

    name: str
    rx_bytes: int | None
    rx_errors: int | None
    tx_bytes: int | None
    tx_errors: int | None


@dataclass(frozen=True, slots=True)
class NetworkUsage:
    """A pod's interfaces; `default` is the one of the default route."""

    at: int
    default: InterfaceUsage | None
    interfaces: tuple[InterfaceUsage, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """One container's figures; writable_layer is what it wrote over its image."""

    id: str
    name: str
    attempt: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    cpu: CpuUsage | None
    memory: MemoryUsage | None
    writable_layer: FilesystemUsage | None
    swap: SwapUsage | None = None
    io: IoUsage | None = None


@dataclass(frozen=True, slots=True)
class SandboxStats:
    """One pod's figures, and those of its containers; processes is their number."""

    id: str
    metadata: SandboxMetadata
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    cpu: CpuUsage | None
    memory: MemoryUsage | None
    network: NetworkUsage | None
    processes: int | None
    containers: tuple[ContainerStats, ...]
    io: IoUsage | None = None


@dataclass(frozen=True, slots=True)
class MetricDescriptor:
    """A metric that the runtime names itself: its labels' names are in the order of Metric.labels."""

    name: str
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One value of such a metric; counter: it only grows. at is 0 when the runtime did not cache it."""

    name: str
    at: int
    counter: bool
    labels: tuple[str, ...]
    value: int | None


@dataclass(frozen=True, slots=True)
class SandboxMetrics:
    """A pod's metrics, and its containers' by container id."""

    id: str
    metrics: tuple[Metric, ...]
    containers: Mapping[str, tuple[Metric, ...]]
