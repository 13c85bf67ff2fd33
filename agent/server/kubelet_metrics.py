# SPDX-License-Identifier: Apache-2.0
"""/metrics: what the agent itself does, by the kubelet's names."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from agent.pod.model import PodKey
from agent.pod.view import PodView
from agent.server.answers import PodBook
from cri.model import ContainerState, SandboxState

_START_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600)


class KubeletMetrics:
    """A registry of its own for each server, so that tests can have several."""

    def __init__(self, node_name: str, manager: PodBook) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Pods(node_name, manager))
        self._requests = Counter(
            "kubelet_http_requests",
            "Number of the http requests received since the server started.",
            ("method", "path", "server_type", "long_running"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "kubelet_http_requests_duration_seconds",
            "Duration in seconds to serve http requests.",
            ("method", "path", "server_type", "long_running"),
            registry=self.registry,
        )

    def count(self, method: str, path: str, *, is_long: bool, seconds: float) -> None:
        """One request; path is its first part only."""
        labels = (method, path, "readwrite", str(is_long).lower())
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(seconds)


class _Pods(Collector):
    """Looks at the pods when it is asked."""

    def __init__(self, node_name: str, manager: PodBook) -> None:
        self._node_name = node_name
        self._manager = manager
        self._starts: dict[str, float] = {}
        self._buckets: Tally[float] = Tally()
        self._sum = 0.0

    def collect(self) -> Iterator[Metric]:
        """The gauges now, and the time that pods took to start, of all that were ever seen."""
        views = self._manager.views
        yield _gauge("kubelet_node_name", "The node's name.", [({"node": self._node_name}, 1)])
        running = sum(
            any(s.state is SandboxState.READY for s in v.observed.sandboxes) for v in views.values()
        )
        yield _gauge(
            "kubelet_running_pods", "Number of pods that have a running pod sandbox.", [({}, running)]
        )
        states = Tally(_state(c.status.state) for view in views.values() for c in view.observed.containers)
        rows = [({"container_state": state}, count) for state, count in sorted(states.items())]
        yield _gauge("kubelet_running_containers", "Number of containers by state.", rows)
        desired = len(self._manager.snapshot.pods)
        yield _gauge(
            "kubelet_desired_pods",
            "The number of pods the kubelet is being instructed to run.",
            [({}, desired)],
        )
        yield self._start_seconds(views)

    def _start_seconds(self, views: Mapping[PodKey, PodView]) -> Metric:
        for view in views.values():
            for uid, seconds in start_seconds(view):
                if uid not in self._starts:
                    self._note(uid, seconds)
        known = {s.metadata.uid for view in views.values() for s in view.observed.sandboxes}
        self._starts = {uid: seconds for uid, seconds in self._starts.items() if uid in known}
        text = "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run."
        metric = Metric("kubelet_pod_start_duration_seconds", text, "histogram")
        total = 0
        for bound in (*_START_BUCKETS, float("inf")):
            total += self._buckets[bound]
            name = "+Inf" if bound == float("inf") else str(float(bound))
            metric.add_sample(f"{metric.name}_bucket", {"le": name}, total)
        metric.add_sample(f"{metric.name}_count", {}, total)
        metric.add_sample(f"{metric.name}_sum", {}, self._sum)
        return metric

    def _note(self, uid: str, seconds: float) -> None:
        self._starts[uid] = seconds
        self._sum += seconds
        self._buckets[next((bound for bound in _START_BUCKETS if seconds <= bound), float("inf"))] += 1


def start_seconds(view: PodView) -> Iterator[tuple[str, float]]:
    """The uid of a pod that runs, and how long its first start took, when its timeline still tells."""
    entries = [entry for entry in view.timeline.entries if not entry.error]
    started = [entry.at + entry.took for entry in entries if entry.phase == "StartContainer"]
    sandboxes = view.observed.sandboxes
    if started and sandboxes and sandboxes[0].metadata.attempt == 0:
        yield sandboxes[0].metadata.uid, max(0.0, started[0] - entries[0].at)


def _state(state: ContainerState) -> str:
    return {"running": "running", "exited": "exited", "created": "created"}.get(state.value, "unknown")


def _gauge(name: str, text: str, rows: Iterable[tuple[dict[str, str], float]]) -> Metric:
    metric = Metric(name, text, "gauge")
    for labels, value in rows:
        metric.add_sample(name, labels, value)
    return metric
