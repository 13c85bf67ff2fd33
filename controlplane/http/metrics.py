# SPDX-License-Identifier: Apache-2.0
"""What dashboards of Kubernetes expect at /metrics, in the format of Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_BUCKETS: Final = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Served:
    """One request in the labels of the metrics; scope is resource, namespace, cluster or ""."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    scope: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the label names."""
        return (self.verb, self.group, self.version, self.resource, self.subresource, self.scope)


class Metrics:
    """The metrics of one server; each has a registry of its own, so that tests can have several servers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        names = ["verb", "group", "version", "resource", "subresource", "scope"]
        self._total = Counter(
            "apiserver_request",
            "Requests by what they asked and the code of the answer.",
            [*names, "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "apiserver_request_duration_seconds",
            "How long answers took; streams that stay open are not counted.",
            names,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._inflight = Gauge(
            "apiserver_current_inflight_requests",
            "Requests that are being served.",
            ["request_kind"],
            registry=self.registry,
        )
        self._reading, self._writing = (self._inflight.labels(kind) for kind in ("readOnly", "mutating"))
        # Finding them by their labels costs more than counting; there are no more than the metrics have.
        self._totals: dict[tuple[Served, int], Counter] = {}
        self._durations: dict[Served, Histogram] = {}
        self._long = Gauge("apiserver_longrunning_requests", "Open streams.", names, registry=self.registry)
        self._rejected = Counter(
            "apiserver_flowcontrol_rejected_requests",
            "Requests refused with 429.",
            ["priority_level"],
            registry=self.registry,
        )
        self._objects = Gauge(
            "apiserver_storage_objects", "Stored objects by resource.", ["resource"], registry=self.registry
        )

    @contextmanager
    def inflight(self, method: str) -> Iterator[None]:
        """Inside, a request of this HTTP method is being served."""
        gauge = self._reading if method in ("GET", "HEAD") else self._writing
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    def end(self, served: Served, code: int, seconds: float, *, long: bool) -> None:
        """A request has been answered."""
        total = self._totals.get((served, code))
        if total is None:
            total = self._totals[served, code] = self._total.labels(*served.labels, str(code))
        total.inc()
        if long:
            return
        durations = self._durations.get(served)
        if durations is None:
            durations = self._durations[served] = self._seconds.labels(*served.labels)
        durations.observe(seconds)

    @contextmanager
    def long(self, served: Served) -> Iterator[None]:
        """Inside, a stream is open."""
        with self._long.labels(*served.labels).track_inprogress():
            yield

    def rejected(self, level: str) -> None:
        """Somebody was told to come back later."""
        self._rejected.labels(level).inc()

    def set_objects(self, resource: str, count: int) -> None:
        """How many objects of a resource (pods, deployments.apps) are stored."""
        self._objects.labels(resource).set(count)

    def response(self) -> web.Response:
        """The answer to GET /metrics."""
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE})
