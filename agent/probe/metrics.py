# SPDX-License-Identifier: Apache-2.0
"""What /metrics/probes shows, by the kubelet's names."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.probe.model import Outcome, ProbeKind
from agent.sources.model import PodKey

_RESULTS = {Outcome.SUCCESS: "successful", Outcome.FAILURE: "failed", Outcome.UNKNOWN: "unknown"}


class ProbeMetrics:
    """prober_probe_total and prober_probe_duration_seconds, in a registry of their own."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._shown: dict[str, set[tuple[str, ...]]] = {}
        self.registry = CollectorRegistry()
        self._total = Counter(
            "prober_probe",
            "Number of probes of a container, by type and result.",
            ("result", "probe_type", "container", "pod", "namespace", "pod_uid"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "prober_probe_duration_seconds",
            "Duration in seconds of a container's probes.",
            ("probe_type", "container", "pod", "namespace"),
            registry=self.registry,
        )

    def count(
        self, kind: ProbeKind, key: PodKey, uid: str, container: str, outcome: Outcome, seconds: float
    ) -> None:
        """One probe that took so long."""
        who = (str(kind), container, key.name, key.namespace)
        self._total.labels(_RESULTS[outcome], *who, uid).inc()
        self._seconds.labels(*who).observe(seconds)
        self._shown.setdefault(uid, set()).add((_RESULTS[outcome], *who))

    def forget(self, uid: str) -> None:
        """Show nothing of this pod any more."""
        shown = self._shown.pop(uid, set())
        for labels in shown:
            self._total.remove(*labels, uid)
        for who in {labels[1:] for labels in shown}:
            self._seconds.remove(*who)
