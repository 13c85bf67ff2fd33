# SPDX-License-Identifier: Apache-2.0
"""One container that has probes: what they said so far, and what that means for it."""

import asyncio
from dataclasses import dataclass, field

from lightkube.models import core_v1

from agent.probe.model import (
    Check,
    Outcome,
    ProbeFailure,
    ProbeKind,
    ProbeState,
    Remembered,
    Target,
    Timing,
)
from agent.probe.render import Probed, ProbeError, check, timing
from agent.probe.thresholds import Count, counted
from agent.sources.model import PodKey

_ENDS = (ProbeKind.STARTUP, ProbeKind.LIVENESS)


@dataclass(slots=True)
class Probing:
    """One probe of a container; check is a ProbeError when the probe cannot be made as it is written."""

    timing: Timing
    check: Check | ProbeError
    grace: int | None
    count: Count
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Followed:
    """A running container and its probes by kind."""

    key: PodKey
    uid: str
    name: str
    target: Target
    probes: dict[ProbeKind, Probing] = field(default_factory=dict)
    failed: ProbeFailure | None = None
    is_ending: bool = False

    @property
    def started(self) -> bool:
        """Whether the startup probe has succeeded once, or there is none."""
        probe = self.probes.get(ProbeKind.STARTUP)
        return probe is None or probe.count.verdict is True

    @property
    def state(self) -> ProbeState:
        """What this means for the container's status."""
        readiness = self.probes.get(ProbeKind.READINESS)
        ready = self.started and (readiness is None or readiness.count.verdict is True)
        return ProbeState(self.started, ready, self.failed)

    def due(self) -> frozenset[ProbeKind]:
        """The probes to be made now: the startup probe alone until it succeeds, none once the container must end.

        A pod that is being deleted is asked only whether it is ready: nothing of it is to be restarted.
        """
        if self.failed:
            return frozenset()
        wanted = {ProbeKind.LIVENESS, ProbeKind.READINESS} if self.started else {ProbeKind.STARTUP}
        return frozenset(self.probes.keys() & wanted - (set(_ENDS) if self.is_ending else set()))

    def note(self, kind: ProbeKind, outcome: Outcome, message: str) -> None:
        """Take one result into account."""
        probe = self.probes[kind]
        probe.count = counted(probe.count, outcome, probe.timing)
        if kind in _ENDS and probe.count.verdict is False:
            text = f"Container {self.name} failed {kind.lower()} probe, will be restarted"
            self.failed = ProbeFailure(kind, message, text, probe.grace)


def followed(
    key: PodKey, uid: str, container: Probed, target: Target, before: Remembered | None
) -> Followed | None:
    """A container that begins to be followed, taken on as an earlier agent left it; None when it has no probes."""
    specs = {
        ProbeKind.STARTUP: container.startupProbe,
        ProbeKind.LIVENESS: container.livenessProbe,
        ProbeKind.READINESS: container.readinessProbe,
    }
    known = {ProbeKind.STARTUP: before and before.started, ProbeKind.READINESS: before and before.ready}
    probes = {
        kind: _probing(spec, container, target.pod_ip, is_good=bool(known.get(kind)))
        for kind, spec in specs.items()
        if spec is not None
    }
    return Followed(key, uid, container.name, target, probes) if probes else None


def _probing(spec: core_v1.Probe, container: Probed, pod_ip: str, *, is_good: bool) -> Probing:
    made: Check | ProbeError
    try:
        made = check(spec, container, pod_ip)
    except ProbeError as error:
        made = error
    return Probing(timing(spec), made, spec.terminationGracePeriodSeconds, Count(verdict=is_good or None))
