# SPDX-License-Identifier: Apache-2.0
"""What a node would do for a pod that it has never seen, as plain data; nothing is looked at, nothing is done.

What only a running pod or an API server can tell is said to be so: addresses, and what ConfigMaps and Secrets hold.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightkube.models import core_v1

from agent.cgroup.model import CgroupLimits
from agent.cgroup.qos import container_resources, pod_limits, qos_class
from agent.errors import AgentError
from agent.objects.model import NoObjects
from agent.pod.context import Context
from agent.pod.env import environment
from agent.pod.facts import PodFacts
from agent.pod.model import ObservedPod
from agent.pod.plan import plan_pod
from agent.pod.render import NodeFacts, as_container, cgroup_of, pod_spec, sandbox_config
from agent.pod.restart import BackoffSettings
from agent.pod.role import AnyContainer, is_sidecar
from agent.sources.model import DesiredPod
from agent.volume.node import VolumeNode
from agent.volume.paths import PodFolders
from agent.volume.plan import Inputs, plan_volume
from agent.volume.sources import used_volumes
from cri.model import SandboxConfig
from kube.expand import expand

Json = dict[str, Any]
POD_IP = "(its address)"


@dataclass(frozen=True, slots=True)
class Preview:
    """The node that a preview is for; state is where its pods' folders are, host_ips are its own addresses."""

    node: NodeFacts
    state: Path
    host_ips: tuple[str, ...] = ()

    def of(self, desired: DesiredPod) -> Json:
        """Images, sandbox, cgroups, volumes, containers with mounts and environment, and the steps in order.

        Raises AgentError for a pod that the node would refuse.
        """
        spec = pod_spec(desired)
        sandbox = sandbox_config(desired, self.node, 0)
        every: list[AnyContainer] = [*(spec.initContainers or ()), *spec.containers]
        plan = plan_pod(desired, ObservedPod(), Context(0, self.node, BackoffSettings(), {}))
        return {
            "pod": str(desired.key),
            "uid": desired.uid,
            "qosClass": qos_class(desired.pod).value,
            "images": [{"image": c.image, "policy": c.imagePullPolicy} for c in every],
            "sandbox": _sandbox(sandbox),
            "cgroup": {"path": cgroup_of(desired, self.node), **_limits(pod_limits(desired.pod))},
            "volumes": [
                line for volume in used_volumes(desired.pod) for line in self._volume(desired, volume)
            ],
            "containers": [self._container(desired, container) for container in every],
            "steps": list(plan.describe()),
        }

    def _facts(self) -> PodFacts:
        return PodFacts((POD_IP,), self.host_ips, self.node.name, {})

    def _volume(self, desired: DesiredPod, volume: core_v1.Volume) -> tuple[str, ...]:
        folders = PodFolders(self.state, desired.uid)
        inputs = Inputs(desired.pod, folders, self._facts(), NoObjects(), VolumeNode(self.state), {})
        try:
            return plan_volume(volume, inputs).describe()
        except AgentError as error:
            return (f"volume {volume.name}: {error}",)

    def _container(self, desired: DesiredPod, container: AnyContainer) -> Json:
        plain = as_container(container)
        env, trouble = self._environment(desired, plain)
        words = (*(plain.command or ()), *(plain.args or ()))
        limits = container_resources(
            desired.pod, plain, memory_capacity=self.node.memory_capacity, cgroup_v2=self.node.cgroup_v2
        )
        return {
            "name": plain.name,
            "kind": _kind(desired, plain),
            "image": plain.image,
            "command": [expand(word, env) for word in words] or "the image's own",
            "limits": {
                "cpu.shares": limits.cpu_shares,
                "cpu.cfs_quota_us": limits.cpu_quota or "none",
                "memory.limit_in_bytes": limits.memory_limit or "none",
                "oom_score_adj": limits.oom_score_adj,
            },
            "mounts": [_mount(mount) for mount in plain.volumeMounts or ()],
            "environment": env,
            **({"environmentTrouble": trouble} if trouble else {}),
        }

    def _environment(self, desired: DesiredPod, container: core_v1.Container) -> tuple[dict[str, str], str]:
        try:
            return dict(environment(desired.pod, container, self._facts(), NoObjects())), ""
        except AgentError as error:
            return {}, str(error)


def _kind(desired: DesiredPod, container: core_v1.Container) -> str:
    inits = {each.name for each in pod_spec(desired).initContainers or ()}
    if container.name not in inits:
        return "app"
    return "sidecar" if is_sidecar(container) else "init"


def _sandbox(config: SandboxConfig) -> Json:
    dns = config.dns
    return {
        "hostname": config.hostname,
        "logs": config.log_directory,
        "network": config.namespaces.network.value,
        "pid": config.namespaces.pid.value,
        "ipc": config.namespaces.ipc.value,
        "nameservers": list(dns.servers) if dns else [],
        "searches": list(dns.searches) if dns else [],
        "sysctls": dict(config.sysctls),
        "ports": [f"{p.host_port} -> {p.container_port}/{p.protocol}" for p in config.port_mappings],
    }


def _limits(limits: CgroupLimits) -> Json:
    """By the names of cgroup v1's files; v2 gets the same in its own."""
    return {
        "cpu.shares": limits.cpu_shares,
        "cpu.cfs_quota_us": limits.cpu_quota_us or "none",
        "memory.limit_in_bytes": limits.memory_max or "none",
    }


def _mount(mount: core_v1.VolumeMount) -> str:
    within = f"/{mount.subPath or mount.subPathExpr}" if mount.subPath or mount.subPathExpr else ""
    return f"{mount.mountPath} <- volume {mount.name}{within}{' (read-only)' if mount.readOnly else ''}"
