# SPDX-License-Identifier: Apache-2.0
"""What the runtime is told for a pod: its sandbox and its containers as `cri` values, pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightkube.models import core_v1

from agent.cgroup.layout import pod_cgroup
from agent.cgroup.qos import container_resources, qos_class
from agent.pod import labels, names
from agent.pod.model import StartContainer
from agent.pod.runtime_class import overhead
from agent.pod.security import ContainerOptions, SecurityNode, sandbox_security
from agent.pod.stops import pre_stop_note
from agent.sources.model import DesiredPod
from cri.model import ContainerConfig, DnsConfig, Mount, PortMapping, SandboxConfig, SandboxMetadata
from kube.expand import expand


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What rendering needs to know of the node.

    memory_capacity is in bytes; dns is what the node's resolv.conf says; cluster_dns has the addresses of the cluster's
    DNS, none where there is none.
    """

    name: str
    logs: Path
    cgroup_root: str
    memory_capacity: int
    cgroup_v2: bool = False
    dns: DnsConfig = field(default_factory=DnsConfig)
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    security: SecurityNode = field(default_factory=lambda: SecurityNode(Path("/var/lib/orlop/seccomp")))


@dataclass(frozen=True, slots=True)
class Given:
    """What was looked up for a container that is about to be made; its image as it was resolved."""

    env: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    options: ContainerOptions


def cgroup_of(desired: DesiredPod, node: NodeFacts) -> str:
    """The pod's cgroup, as a path from the root of each hierarchy."""
    return pod_cgroup(
        node.cgroup_root, qos_class(desired.pod), desired.key.namespace, desired.key.name, desired.uid
    )


def pod_log_folder(logs: Path, namespace: str, name: str, uid: str) -> Path:
    """The kubelet's layout: <logs>/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log."""
    return logs / "pods" / f"{namespace}_{name}_{uid}"


def sandbox_config(desired: DesiredPod, node: NodeFacts, attempt: int) -> SandboxConfig:
    """The sandbox of this pod; attempt tells apart sandboxes that followed one another."""
    key, spec = desired.key, pod_spec(desired)
    cgroup, options = cgroup_of(desired, node), sandbox_security(desired.pod)
    return SandboxConfig(
        metadata=SandboxMetadata(key.name, key.namespace, desired.uid, attempt),
        hostname=names.sandbox_hostname(desired.pod, node.cluster_domain),
        log_directory=str(pod_log_folder(node.logs, key.namespace, key.name, desired.uid)),
        cgroup_parent=cgroup,
        dns=names.dns_config(desired.pod, node.cluster_dns, node.cluster_domain, node.dns),
        port_mappings=tuple(_port_mappings(spec)),
        labels=_pod_labels(desired),
        annotations={
            **_pod_annotations(desired),
            labels.SOURCE: desired.source,
            labels.GRACE_SECONDS: str(grace_seconds(desired)),
            labels.CGROUP: cgroup,
        },
        namespaces=options.namespaces,
        sysctls=options.sysctls,
        privileged=options.privileged,
        overhead=overhead(desired.pod),
        security=options.security,
    )


def container_config(
    desired: DesiredPod, start: StartContainer, node: NodeFacts, given: Given
) -> ContainerConfig:
    """One container, with what was looked up for it."""
    container, env = as_container(start.container), dict(given.env)
    return ContainerConfig(
        name=container.name,
        attempt=start.attempt,
        image=container.image or "",
        command=tuple(expand(word, env) for word in container.command or ()),
        args=tuple(expand(word, env) for word in container.args or ()),
        working_dir=container.workingDir or "",
        env=given.env,
        mounts=given.mounts,
        labels={**_identity_labels(desired), labels.CONTAINER_NAME: container.name},
        annotations={
            labels.RESTART_COUNT: str(start.attempt),
            labels.BACKOFF_SECONDS: f"{start.backoff:g}",
            labels.IMAGE: container.image or "",
            labels.ROLE: start.role,
            labels.ORDER: str(start.order),
            **pre_stop_note(container),
        },
        log_path=f"{container.name}/{start.attempt}.log",
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdinOnce),
        tty=bool(container.tty),
        resources=container_resources(
            desired.pod,
            container,
            memory_capacity=node.memory_capacity,
            cgroup_v2=node.cgroup_v2,
        ),
        namespaces=given.options.namespaces,
        privileged=given.options.privileged,
        security=given.options.security,
    )


def pod_spec(desired: DesiredPod) -> core_v1.PodSpec:
    """The spec, which a desired pod always has: the sources refuse a pod without one."""
    if desired.pod.spec is None:
        raise ValueError(f"pod {desired.key} from {desired.source} has no spec")
    return desired.pod.spec


def grace_seconds(desired: DesiredPod) -> int:
    """How long the pod's containers may take to end, in seconds (30 unless the spec says otherwise)."""
    grace = pod_spec(desired).terminationGracePeriodSeconds
    return 30 if grace is None else grace


def as_container(container: core_v1.Container | core_v1.EphemeralContainer) -> core_v1.Container:
    """An ephemeral container as one of the usual kind: all of its fields but the target are the same."""
    if isinstance(container, core_v1.Container):
        return container
    fields: dict[str, Any] = {
        name: getattr(container, name, None) for name in core_v1.Container.__struct_fields__
    }
    return core_v1.Container(**fields)


def _port_mappings(spec: core_v1.PodSpec) -> Iterable[PortMapping]:
    """Ports of the node that lead into the pod; in the node's own network there is nothing to lead."""
    if spec.hostNetwork:
        return
    for container in (*(spec.initContainers or ()), *spec.containers):
        for port in container.ports or ():
            if port.hostPort:
                yield PortMapping(
                    port.containerPort, port.hostPort, port.protocol or "TCP", port.hostIP or ""
                )


def _identity_labels(desired: DesiredPod) -> dict[str, str]:
    return {
        labels.POD_NAME: desired.key.name,
        labels.POD_NAMESPACE: desired.key.namespace,
        labels.POD_UID: desired.uid,
    }


def _pod_labels(desired: DesiredPod) -> dict[str, str]:
    metadata = desired.pod.metadata
    own = dict(metadata.labels or {}) if metadata else {}
    return {**own, **_identity_labels(desired)}


def _pod_annotations(desired: DesiredPod) -> dict[str, str]:
    """The pod's own: runtimes look at some of them."""
    metadata = desired.pod.metadata
    return dict(metadata.annotations or {}) if metadata else {}
