# SPDX-License-Identifier: Apache-2.0
"""Sandboxes on the wire."""

from collections.abc import Mapping

from cri.model.resources import LinuxResources
from cri.model.sandbox import (
    DnsConfig,
    PortMapping,
    Sandbox,
    SandboxConfig,
    SandboxMetadata,
    SandboxState,
    SandboxStatus,
)
from cri.v1 import network_pb2, resources_pb2, sandbox_calls_pb2, sandbox_pb2
from cri.wire.container import status_from as container_status_from
from cri.wire.resources import limits, namespaces_from
from cri.wire.security import sandbox_security

_STATES = {sandbox_pb2.SANDBOX_READY: SandboxState.READY}


def config(value: SandboxConfig) -> sandbox_pb2.PodSandboxConfig:
    """Everything that RunPodSandbox and CreateContainer are told of the pod."""
    return sandbox_pb2.PodSandboxConfig(
        metadata=sandbox_pb2.PodSandboxMetadata(
            name=value.metadata.name,
            uid=value.metadata.uid,
            namespace=value.metadata.namespace,
            attempt=value.metadata.attempt,
        ),
        hostname=value.hostname,
        log_directory=value.log_directory,
        dns_config=_dns(value.dns),
        port_mappings=[_port(each) for each in value.port_mappings],
        labels=dict(value.labels),
        annotations=dict(value.annotations),
        linux=sandbox_pb2.LinuxPodSandboxConfig(
            cgroup_parent=value.cgroup_parent,
            security_context=sandbox_security(value.security, value.namespaces, privileged=value.privileged),
            sysctls=dict(value.sysctls),
            overhead=_maybe(value.overhead),
            resources=_maybe(value.resources),
        ),
    )


def _maybe(value: LinuxResources | None) -> resources_pb2.LinuxContainerResources | None:
    return None if value is None else limits(value)


def _dns(value: DnsConfig | None) -> network_pb2.DNSConfig | None:
    if value is None:
        return None
    return network_pb2.DNSConfig(servers=value.servers, searches=value.searches, options=value.options)


def _port(value: PortMapping) -> network_pb2.PortMapping:
    return network_pb2.PortMapping(
        protocol=value.protocol,
        container_port=value.container_port,
        host_port=value.host_port,
        host_ip=value.host_ip,
    )


def state_filter(state: SandboxState | None) -> sandbox_pb2.PodSandboxStateValue | None:
    """A state to list by, or None for any."""
    return (
        None
        if state is None
        else sandbox_pb2.PodSandboxStateValue(state=f"SANDBOX_{state.name.replace('_', '')}")
    )


def list_filter(
    labels: Mapping[str, str] | None, sandbox_id: str, state: SandboxState | None
) -> sandbox_pb2.PodSandboxFilter:
    """Which sandboxes to list."""
    return sandbox_pb2.PodSandboxFilter(
        id=sandbox_id, state=state_filter(state), label_selector=dict(labels or {})
    )


def metadata_from(message: sandbox_pb2.PodSandboxMetadata) -> SandboxMetadata:
    """A sandbox's identity."""
    return SandboxMetadata(message.name, message.namespace, message.uid, message.attempt)


def row_from(message: sandbox_pb2.PodSandbox | sandbox_pb2.PodSandboxStatus) -> Sandbox:
    """A row of the list; a status has the same fields and more. An unknown state is not ready."""
    return Sandbox(
        id=message.id,
        metadata=metadata_from(message.metadata),
        state=_STATES.get(message.state, SandboxState.NOT_READY),
        created_at=message.created_at,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        runtime_handler=message.runtime_handler,
    )


def status_from(answer: sandbox_calls_pb2.PodSandboxStatusResponse) -> SandboxStatus:
    """A sandbox's status and what comes with it."""
    status = answer.status
    return SandboxStatus(
        sandbox=row_from(status),
        ip=status.network.ip,
        additional_ips=tuple(each.ip for each in status.network.additional_ips),
        info=dict(answer.info),
        namespaces=namespaces_from(status.linux.namespaces.options) if status.HasField("linux") else None,
        containers=tuple(container_status_from(each) for each in answer.containers_statuses),
        observed_at=answer.timestamp,
    )
