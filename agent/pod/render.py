# SPDX-License-Identifier: Apache-2.0
"""What the runtime is told for a pod: its sandbox and its containers as `cri` values, pure."""

from dataclasses import dataclass
from pathlib import Path

from lightkube.models import core_v1

from agent.cgroup.layout import pod_cgroup
from agent.cgroup.qos import container_resources, qos_class
from agent.pod import labels
from agent.sources.model import DesiredPod
from cri.model import ContainerConfig, DnsConfig, SandboxConfig, SandboxMetadata
from kube.expand import expand


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What rendering needs to know of the node; memory_capacity is in bytes."""

    name: str
    logs: Path
    cgroup_root: str
    memory_capacity: int
    cgroup_v2: bool = False


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
    cgroup = cgroup_of(desired, node)
    return SandboxConfig(
        metadata=SandboxMetadata(key.name, key.namespace, desired.uid, attempt),
        hostname=spec.hostname or key.name[:63].rstrip("-."),
        log_directory=str(pod_log_folder(node.logs, key.namespace, key.name, desired.uid)),
        cgroup_parent=cgroup,
        dns=_dns(spec),
        labels=_pod_labels(desired),
        annotations={
            labels.SOURCE: desired.source,
            labels.GRACE_SECONDS: str(grace_seconds(desired)),
            labels.CGROUP: cgroup,
        },
    )


def container_config(
    desired: DesiredPod, container: core_v1.Container, node: NodeFacts, attempt: int, backoff: float
) -> ContainerConfig:
    """One container; backoff is the delay in seconds that its end will be followed by."""
    env = _environment(container)
    return ContainerConfig(
        name=container.name,
        attempt=attempt,
        image=container.image or "",
        command=tuple(expand(word, env) for word in container.command or ()),
        args=tuple(expand(word, env) for word in container.args or ()),
        working_dir=container.workingDir or "",
        env=tuple(env.items()),
        labels={**_identity_labels(desired), labels.CONTAINER_NAME: container.name},
        annotations={labels.RESTART_COUNT: str(attempt), labels.BACKOFF_SECONDS: f"{backoff:g}"},
        log_path=f"{container.name}/{attempt}.log",
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdinOnce),
        tty=bool(container.tty),
        resources=container_resources(
            desired.pod, container, memory_capacity=node.memory_capacity, cgroup_v2=node.cgroup_v2
        ),
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


def _dns(spec: core_v1.PodSpec) -> DnsConfig | None:
    if spec.dnsPolicy != "None" or spec.dnsConfig is None:
        return None
    config = spec.dnsConfig
    options = tuple(
        f"{option.name}:{option.value}" if option.value else str(option.name)
        for option in config.options or ()
    )
    return DnsConfig(tuple(config.nameservers or ()), tuple(config.searches or ()), options)


def _environment(container: core_v1.Container) -> dict[str, str]:
    """Later entries may use earlier ones as $(NAME), as the API's documentation of EnvVar says."""
    env: dict[str, str] = {}
    for variable in container.env or ():
        env[variable.name] = expand(variable.value or "", env)
    return env


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
