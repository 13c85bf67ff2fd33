# SPDX-License-Identifier: Apache-2.0
"""/metrics/resource and /metrics/cadvisor: usage by the kubelet's and cAdvisor's names, pure.

Only the names that dashboards and metrics-server read; labels are those of cAdvisor in a kubelet.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from agent.server.usage import ContainerUsage, Interface, NodeUsage, PodUsage
from cri.model import CpuUsage

_NANO = 1e9


class Families:
    """Metrics by name, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def add(
        self, name: str, text: str, labels: dict[str, str], value: float | None, at: int | None = None
    ) -> None:
        """One sample; at is in nanoseconds. None is nothing. A name that ends in _total is a counter's."""
        if value is None:
            return
        family = name.removesuffix("_total")
        kind = "counter" if name.endswith("_total") else "gauge"
        metric = self._metrics.setdefault(name, Metric(family, text, kind))
        metric.add_sample(name, labels, value, at / _NANO if at else None)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._metrics.values()

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(_Fixed(self))


class _Fixed(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families.collect()


def resource_text(usage: NodeUsage) -> bytes:
    """/metrics/resource: what metrics-server reads."""
    out = Families()
    _node(out, usage)
    for pod in usage.pods:
        labels = {"namespace": pod.key.namespace, "pod": pod.key.name}
        cpu = _seconds(pod.usage.cpu_ns)
        out.add("pod_cpu_usage_seconds_total", "Cumulative cpu time of the pod.", labels, cpu, pod.at)
        memory = pod.usage.working_set
        out.add("pod_memory_working_set_bytes", "Working set of the pod in bytes.", labels, memory, pod.at)
        for container in pod.containers:
            _container(out, container, {"container": container.name, **labels})
    out.add("resource_scrape_error", "1 if there was an error, 0 otherwise.", {}, 0)
    return out.text()


def _node(out: Families, usage: NodeUsage) -> None:
    cpu = _seconds(usage.usage.cpu_ns)
    out.add("node_cpu_usage_seconds_total", "Cumulative cpu time of the node.", {}, cpu, usage.at)
    memory = usage.usage.working_set
    out.add("node_memory_working_set_bytes", "Working set of the node in bytes.", {}, memory, usage.at)


def _container(out: Families, container: ContainerUsage, labels: dict[str, str]) -> None:
    cpu, memory = container.stats.cpu, container.stats.memory
    out.add(
        "container_cpu_usage_seconds_total",
        "Cumulative cpu time of the container.",
        labels,
        _cpu(cpu),
        _at(cpu),
    )
    if memory:
        text = "Working set of the container in bytes."
        out.add("container_memory_working_set_bytes", text, labels, memory.working_set, memory.at)
    started = container.started
    out.add("container_start_time_seconds", "Start of the container since the epoch.", labels, started)


def cadvisor_text(usage: NodeUsage) -> bytes:
    """/metrics/cadvisor: containers, and pods with an empty container name, as cAdvisor has them."""
    out = Families()
    out.add("machine_cpu_cores", "Number of logical CPU cores.", {}, usage.machine.cpus)
    out.add("machine_memory_bytes", "Amount of memory installed on the machine.", {}, usage.machine.memory)
    _cadvisor_node(out, usage)
    for pod in usage.pods:
        _cadvisor_pod(out, pod)
        for container in pod.containers:
            _cadvisor_container(out, pod, container)
    return out.text()


def _cadvisor_node(out: Families, usage: NodeUsage) -> None:
    labels = _labels(None, "", "", "", "/")
    seconds = _seconds(usage.usage.cpu_ns)
    out.add("container_cpu_usage_seconds_total", _CPU, {**labels, "cpu": "total"}, seconds, usage.at)
    out.add("container_memory_working_set_bytes", _WORKING, labels, usage.usage.working_set, usage.at)
    out.add("container_memory_usage_bytes", _USED, labels, usage.usage.memory, usage.at)
    for interface in usage.interfaces:
        _network(out, interface, labels, usage.at)


_CPU = "Cumulative cpu time consumed in seconds."
_WORKING = "Current working set in bytes."
_USED = "Current memory usage in bytes, including all memory regardless of when it was accessed."


def _cadvisor_pod(out: Families, pod: PodUsage) -> None:
    labels, used = _labels(pod, "", "", "", pod.cgroup), pod.usage
    out.add(
        "container_cpu_usage_seconds_total", _CPU, {**labels, "cpu": "total"}, _seconds(used.cpu_ns), pod.at
    )
    out.add("container_memory_working_set_bytes", _WORKING, labels, used.working_set, pod.at)
    out.add("container_memory_usage_bytes", _USED, labels, used.memory, pod.at)
    out.add("container_memory_rss", "Size of RSS in bytes.", labels, used.rss, pod.at)
    out.add("container_memory_cache", "Number of bytes of page cache memory.", labels, used.cache, pod.at)
    out.add(
        "container_processes",
        "Number of processes running inside the container.",
        labels,
        used.processes,
        pod.at,
    )
    out.add(
        "container_start_time_seconds", "Start time of the container since the epoch.", labels, pod.started
    )
    for interface in pod.interfaces:
        _network(out, interface, labels, pod.at)


def _cadvisor_container(out: Families, pod: PodUsage, container: ContainerUsage) -> None:
    cgroup = f"{pod.cgroup}/{container.id}"
    labels = _labels(pod, container.name, container.image, container.id, cgroup)
    cpu, memory, layer = container.stats.cpu, container.stats.memory, container.stats.writable_layer
    out.add("container_cpu_usage_seconds_total", _CPU, {**labels, "cpu": "total"}, _cpu(cpu), _at(cpu))
    if memory:
        out.add("container_memory_working_set_bytes", _WORKING, labels, memory.working_set, memory.at)
        out.add("container_memory_usage_bytes", _USED, labels, memory.usage, memory.at)
        out.add("container_memory_rss", "Size of RSS in bytes.", labels, memory.rss, memory.at)
    if layer:
        text = "Number of bytes that are consumed by the container on this filesystem."
        out.add("container_fs_usage_bytes", text, {**labels, "device": ""}, layer.used_bytes, layer.at)
    out.add(
        "container_start_time_seconds",
        "Start time of the container since the epoch.",
        labels,
        container.started,
    )
    out.add("container_last_seen", "Last time a container was seen.", labels, pod.at // 1_000_000_000)


def _labels(pod: PodUsage | None, container: str, image: str, name: str, cgroup: str) -> dict[str, str]:
    return {
        "container": container,
        "id": cgroup,
        "image": image,
        "name": name,
        "namespace": pod.key.namespace if pod else "",
        "pod": pod.key.name if pod else "",
    }


_COUNTED = {"bytes": "bytes", "packets": "packets", "errors": "errors", "dropped": "packets_dropped"}


def _network(out: Families, interface: Interface, labels: dict[str, str], at: int) -> None:
    labels = {**labels, "interface": interface.name}
    for way, prefix in (("receive", "rx"), ("transmit", "tx")):
        for what, name in _COUNTED.items():
            text, value = (
                f"Cumulative count of network {what} ({way}).",
                getattr(interface, f"{prefix}_{what}"),
            )
            out.add(f"container_network_{way}_{name}_total", text, labels, value, at)


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NANO


def _cpu(cpu: CpuUsage | None) -> float | None:
    return _seconds(cpu.total_ns) if cpu else None


def _at(cpu: CpuUsage | None) -> int | None:
    return cpu.at if cpu else None
