# SPDX-License-Identifier: Apache-2.0
"""Usage figures on the wire. Most numbers are messages there, so that "not measured" differs from 0."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from cri.model.usage import (
    ContainerStats,
    CpuUsage,
    FilesystemUsage,
    ImageFsInfo,
    InterfaceUsage,
    IoUsage,
    MemoryUsage,
    Metric,
    MetricDescriptor,
    NetworkUsage,
    Pressure,
    PressureLine,
    SandboxMetrics,
    SandboxStats,
    SwapUsage,
)
from cri.v1 import basic_pb2, image_calls_pb2, metrics_pb2, stats_pb2, storage_pb2, usage_pb2
from cri.wire.sandbox import metadata_from


class _HasFields(Protocol):
    def HasField(self, field_name: str) -> bool: ...  # noqa: N802 - protobuf's name


def container_filter(
    labels: Mapping[str, str] | None, sandbox_id: str, container_id: str
) -> stats_pb2.ContainerStatsFilter:
    """Whose figures to list."""
    return stats_pb2.ContainerStatsFilter(
        id=container_id, pod_sandbox_id=sandbox_id, label_selector=dict(labels or {})
    )


def sandbox_filter(labels: Mapping[str, str] | None, sandbox_id: str) -> stats_pb2.PodSandboxStatsFilter:
    """Whose figures to list."""
    return stats_pb2.PodSandboxStatsFilter(id=sandbox_id, label_selector=dict(labels or {}))


def container_from(message: stats_pb2.ContainerStats) -> ContainerStats:
    """One container's figures."""
    of = message.attributes
    return ContainerStats(
        id=of.id,
        name=of.metadata.name,
        attempt=of.metadata.attempt,
        labels=dict(of.labels),
        annotations=dict(of.annotations),
        cpu=_cpu(message.cpu) if message.HasField("cpu") else None,
        memory=_memory(message.memory) if message.HasField("memory") else None,
        writable_layer=_filesystem(message.writable_layer) if message.HasField("writable_layer") else None,
        swap=_swap(message.swap) if message.HasField("swap") else None,
        io=_io(message.io) if message.HasField("io") else None,
    )


def sandbox_from(message: stats_pb2.PodSandboxStats) -> SandboxStats:
    """One pod's figures."""
    of, linux = message.attributes, message.linux
    return SandboxStats(
        id=of.id,
        metadata=metadata_from(of.metadata),
        labels=dict(of.labels),
        annotations=dict(of.annotations),
        cpu=_cpu(linux.cpu) if linux.HasField("cpu") else None,
        memory=_memory(linux.memory) if linux.HasField("memory") else None,
        network=_network(linux.network) if linux.HasField("network") else None,
        processes=_number(linux.process, "process_count"),
        containers=tuple(container_from(each) for each in linux.containers),
        io=_io(linux.io) if linux.HasField("io") else None,
    )


def image_fs_from(answer: image_calls_pb2.ImageFsInfoResponse) -> ImageFsInfo:
    """How full the image store is."""
    return ImageFsInfo(
        images=tuple(_filesystem(each) for each in answer.image_filesystems),
        containers=tuple(_filesystem(each) for each in answer.container_filesystems),
    )


def descriptor_from(message: metrics_pb2.MetricDescriptor) -> MetricDescriptor:
    """What a metric is called and labelled with."""
    return MetricDescriptor(message.name, message.help, tuple(message.label_keys))


def metrics_from(message: metrics_pb2.PodSandboxMetrics) -> SandboxMetrics:
    """One pod's metrics."""
    return SandboxMetrics(
        id=message.pod_sandbox_id,
        metrics=_metrics(message.metrics),
        containers={each.container_id: _metrics(each.metrics) for each in message.container_metrics},
    )


def _metrics(messages: Iterable[metrics_pb2.Metric]) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            each.name,
            each.timestamp,
            each.metric_type == metrics_pb2.COUNTER,
            tuple(each.label_values),
            _number(each, "value"),
        )
        for each in messages
    )


def _number(message: _HasFields, field: str) -> int | None:
    """A UInt64Value's number, None where it is absent."""
    if not message.HasField(field):
        return None
    value: basic_pb2.UInt64Value = getattr(message, field)
    return value.value


def _cpu(message: usage_pb2.CpuUsage) -> CpuUsage:
    return CpuUsage(
        at=message.timestamp,
        total_ns=_number(message, "usage_core_nano_seconds"),
        rate_nanocores=_number(message, "usage_nano_cores"),
        pressure=_pressure(message.psi) if message.HasField("psi") else None,
    )


def _memory(message: usage_pb2.MemoryUsage) -> MemoryUsage:
    return MemoryUsage(
        at=message.timestamp,
        working_set=_number(message, "working_set_bytes"),
        available=_number(message, "available_bytes"),
        usage=_number(message, "usage_bytes"),
        rss=_number(message, "rss_bytes"),
        page_faults=_number(message, "page_faults"),
        major_page_faults=_number(message, "major_page_faults"),
        pressure=_pressure(message.psi) if message.HasField("psi") else None,
    )


def _swap(message: usage_pb2.SwapUsage) -> SwapUsage:
    return SwapUsage(
        at=message.timestamp,
        available=_number(message, "swap_available_bytes"),
        usage=_number(message, "swap_usage_bytes"),
    )


def _io(message: usage_pb2.IoUsage) -> IoUsage:
    return IoUsage(message.timestamp, _pressure(message.psi) if message.HasField("psi") else None)


def _pressure(message: usage_pb2.PsiStats) -> Pressure:
    return Pressure(
        full=_line(message.Full) if message.HasField("Full") else None,
        some=_line(message.Some) if message.HasField("Some") else None,
    )


def _line(message: usage_pb2.PsiData) -> PressureLine:
    return PressureLine(message.Total, message.Avg10, message.Avg60, message.Avg300)


def _filesystem(message: storage_pb2.FilesystemUsage) -> FilesystemUsage:
    return FilesystemUsage(
        at=message.timestamp,
        mountpoint=message.fs_id.mountpoint,
        used_bytes=_number(message, "used_bytes"),
        inodes_used=_number(message, "inodes_used"),
    )


def _network(message: usage_pb2.NetworkUsage) -> NetworkUsage:
    return NetworkUsage(
        at=message.timestamp,
        default=_interface(message.default_interface) if message.HasField("default_interface") else None,
        interfaces=tuple(_interface(each) for each in message.interfaces),
    )


def _interface(message: usage_pb2.NetworkInterfaceUsage) -> InterfaceUsage:
    return InterfaceUsage(
        name=message.name,
        rx_bytes=_number(message, "rx_bytes"),
        rx_errors=_number(message, "rx_errors"),
        tx_bytes=_number(message, "tx_bytes"),
        tx_errors=_number(message, "tx_errors"),
    )
