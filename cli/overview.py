# SPDX-License-Identifier: Apache-2.0
"""Gather what `orlop status` shows, from each component's own account of it, as plain data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.cgroup.errors import CgroupError
from agent.cgroup.manager import Cgroups, open_cgroups
from cli import podview
from cli.client import AgentUnreachableError, get
from lab import ControlPlaneStatus, Lab, NodePaths, NodeStatus, ProcessStatus
from netplugin.ipam import read_allocations
from netplugin.model import Allocation

CGROUP_MOUNT = Path("/sys/fs/cgroup")
CPU_PERIOD_US = 100_000  # the kernel's own period where nobody wrote another


@dataclass(frozen=True, slots=True)
class _Sources:
    """What one node's parts say: the agent's pods and status (empty while it is away), and the addresses held."""

    pods: list[dict[str, Any]]
    agent: dict[str, Any]
    allocations: tuple[Allocation, ...]
    trouble: str


def overview(lab: Lab) -> dict[str, Any]:
    """Nodes with their processes, pods with addresses and limits as the kernel states them, and problems."""
    status = lab.status()
    cgroups = open_cgroups(CGROUP_MOUNT)
    nodes = [_node(lab.paths.node(node.name), node, cgroups) for node in status.nodes]
    return {
        "lab": status.name,
        "root": str(status.root),
        "supervisor": status.supervisor,
        "controlPlane": _controlplane(lab, status.controlplane) if status.controlplane else None,
        "nodes": nodes,
    }


def _controlplane(lab: Lab, status: ControlPlaneStatus) -> dict[str, Any]:
    return {
        "url": status.url,
        "kubeconfig": str(lab.paths.controlplane.kubeconfig),
        "namespace": status.namespace,
        "process": _process(status.process),
    }


def _process(process: ProcessStatus) -> dict[str, Any]:
    return {"pid": process.pid, "since": process.running_since, "restarts": process.restarts}


def _node(paths: NodePaths, status: NodeStatus, cgroups: Cgroups) -> dict[str, Any]:
    sources = _ask(paths)
    return {
        "name": status.name,
        "address": str(status.address.ip),
        "podCIDR": str(status.pod_cidr),
        "namespace": status.namespace,
        "runtime": sources.agent.get("runtime", {}),
        "processes": {
            name: _process(process)
            for name, process in (("containerd", status.containerd), ("node", status.node))
        },
        "pods": [_pod(pod, sources, cgroups) for pod in sources.pods],
        "addresses": [
            {"address": str(a.address), "pod": f"{a.pod_namespace}/{a.pod_name}", "veth": a.host_veth}
            for a in sources.allocations
        ],
        "problems": sources.agent.get("problems", []),
        "trouble": sources.trouble,
    }


def _ask(paths: NodePaths) -> _Sources:
    allocations = read_allocations(paths.netplugin_state)
    try:
        pods = get(paths.agent_socket, "/pods")["items"]
        return _Sources(pods, get(paths.agent_socket, "/status"), allocations, "")
    except AgentUnreachableError as error:
        return _Sources([], {}, allocations, error.message)


def _pod(pod: dict[str, Any], sources: _Sources, cgroups: Cgroups) -> dict[str, Any]:
    metadata = pod["metadata"]
    key = f"{metadata['namespace']}/{metadata['name']}"
    view = sources.agent.get("pods", {}).get(key, {})
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "ready": podview.ready_of(pod),
        "status": podview.status_of(pod),
        "why": podview.why_of(pod),
        "restarts": podview.restarts_of(pod),
        "age": podview.age_of(pod),
        "ip": pod["status"].get("podIP") or "",
        "qosClass": pod["status"].get("qosClass", ""),
        "cgroup": view.get("cgroup", ""),
        "limits": _limits(view.get("cgroup", ""), cgroups),
        "timeline": view.get("timeline", []),
        "networkMs": _network_ms(metadata, sources.allocations),
    }


def _limits(path: str, cgroups: Cgroups) -> dict[str, Any]:
    """What the kernel says of the pod's cgroup now; empty when it has none (any more)."""
    if not path:
        return {}
    try:
        state = cgroups.read(path)
    except CgroupError:
        return {}
    return {
        "cpu": podview.cpu_text(state.limits.cpu_quota_us, state.limits.cpu_period_us or CPU_PERIOD_US),
        "memory": state.limits.memory_max,
        "memoryUsage": state.usage.memory_bytes,
        "oomKills": state.usage.oom_kills,
    }


def _network_ms(metadata: dict[str, Any], allocations: tuple[Allocation, ...]) -> float | None:
    """How long the CNI plugin's ADD took for this pod, in milliseconds, as it noted beside the address."""
    for allocation in allocations:
        if (allocation.pod_namespace, allocation.pod_name) == (metadata["namespace"], metadata["name"]):
            return allocation.duration_ms
    return None
