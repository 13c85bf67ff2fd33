# SPDX-License-Identifier: Apache-2.0
"""/stats/summary: usage in the shape of the kubelet's stats API (k8s.io/kubelet/pkg/apis/stats/v1alpha1), pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from agent.server.cgroup_usage import CgroupUsage
from agent.server.usage import ContainerUsage, Interface, NodeUsage, PodUsage
from cri.model import CpuUsage, FilesystemUsage, MemoryUsage

Json = dict[str, Any]

_SECOND = 1_000_000_000


def summary(usage: NodeUsage, only_cpu_and_memory: bool = False) -> Json:  # noqa: FBT001, FBT002 - the query's name
    """{"node": …, "pods": […]}; only_cpu_and_memory leaves networks and file systems out."""
    node: Json = {
        "nodeName": usage.name,
        "startTime": _seconds(usage.machine.booted),
        "cpu": _cpu(usage.usage, usage.at),
        "memory": {**_memory(usage.usage, usage.at), "availableBytes": usage.machine.available},
    }
    if not only_cpu_and_memory:
        node["network"] = _network(usage.interfaces, usage.at)
        if usage.image_fs:
            node["runtime"] = {"imageFs": _filesystem(usage.image_fs)}
    pods = [_pod(pod, only_cpu_and_memory=only_cpu_and_memory) for pod in usage.pods]
    return {"node": node, "pods": pods}


def _pod(pod: PodUsage, *, only_cpu_and_memory: bool) -> Json:
    made: Json = {
        "podRef": {"name": pod.key.name, "namespace": pod.key.namespace, "uid": pod.uid},
        "startTime": _seconds(pod.started),
        "containers": [_container(c, only_cpu_and_memory=only_cpu_and_memory) for c in pod.containers],
        "cpu": _cpu(pod.usage, pod.at),
        "memory": _memory(pod.usage, pod.at),
    }
    if not only_cpu_and_memory:
        made["network"] = _network(pod.interfaces, pod.at)
        made["process_stats"] = _without_none({"process_count": pod.usage.processes})
    return made


def _container(container: ContainerUsage, *, only_cpu_and_memory: bool) -> Json:
    stats = container.stats
    made: Json = {"name": container.name, "startTime": _seconds(container.started)}
    made |= {"cpu": _cri_cpu(stats.cpu)} if stats.cpu else {}
    made |= {"memory": _cri_memory(stats.memory)} if stats.memory else {}
    if not only_cpu_and_memory:
        made |= {"rootfs": _filesystem(stats.writable_layer)} if stats.writable_layer else {}
        made["logs"] = {"time": _seconds(container.started), "usedBytes": container.log_bytes}
    return made


def _cpu(usage: CgroupUsage, at: int) -> Json:
    return _without_none({"time": _nanoseconds(at), "usageCoreNanoSeconds": usage.cpu_ns})


def _memory(usage: CgroupUsage, at: int) -> Json:
    return _without_none(
        {
            "time": _nanoseconds(at),
            "usageBytes": usage.memory,
            "workingSetBytes": usage.working_set,
            "rssBytes": usage.rss,
            "pageFaults": usage.page_faults,
            "majorPageFaults": usage.major_page_faults,
        }
    )


def _cri_cpu(cpu: CpuUsage) -> Json:
    return _without_none(
        {
            "time": _nanoseconds(cpu.at),
            "usageNanoCores": cpu.rate_nanocores,
            "usageCoreNanoSeconds": cpu.total_ns,
        }
    )


def _cri_memory(memory: MemoryUsage) -> Json:
    return _without_none(
        {
            "time": _nanoseconds(memory.at),
            "availableBytes": memory.available,
            "usageBytes": memory.usage,
            "workingSetBytes": memory.working_set,
            "rssBytes": memory.rss,
            "pageFaults": memory.page_faults,
            "majorPageFaults": memory.major_page_faults,
        }
    )


def _filesystem(usage: FilesystemUsage) -> Json:
    return _without_none(
        {"time": _nanoseconds(usage.at), "usedBytes": usage.used_bytes, "inodesUsed": usage.inodes_used}
    )


def _network(interfaces: Iterable[Interface], at: int) -> Json:
    rows = [
        {
            "name": each.name,
            "rxBytes": each.rx_bytes,
            "rxErrors": each.rx_errors,
            "txBytes": each.tx_bytes,
            "txErrors": each.tx_errors,
        }
        for each in interfaces
    ]
    default = next((row for row in rows if row["name"] == "eth0"), rows[0] if rows else {})
    return {"time": _nanoseconds(at), **default, "interfaces": rows}


def _without_none(values: Json) -> Json:
    return {key: value for key, value in values.items() if value is not None}


def _seconds(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nanoseconds(at: int) -> str:
    return _seconds(at / _SECOND)
