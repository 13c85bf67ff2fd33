# SPDX-License-Identifier: Apache-2.0
"""Frozen values about probes. Times are seconds; `started_at` counts them since the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.sources.model import PodKey


class ProbeKind(StrEnum):
    """The three probes of a container, by the words of the API's Events."""

    STARTUP = "Startup"
    LIVENESS = "Liveness"
    READINESS = "Readiness"


class Outcome(StrEnum):
    """How one probe went. UNKNOWN: it could not be made, which counts neither way."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """One probe's outcome and what there is to say of it; a warning is a success that is worth an Event."""

    outcome: Outcome
    message: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A running container that may have probes."""

    container_id: str
    started_at: float
    pod_ip: str


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """A container that has to be killed for its startup or liveness probe.

    message is what the container's last probe said; text is the kubelet's sentence for the Killing Event; grace is the
    probe's own terminationGracePeriodSeconds, None when the pod's holds.
    """

    kind: ProbeKind
    message: str
    text: str
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeState:
    """What the probes of one container say now; without probes it has started and is ready."""

    started: bool = True
    ready: bool = True
    failed: ProbeFailure | None = None


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """GET of a URL; headers as given, repeated names included."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """A connection that opens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ExecCheck:
    """A command in the container that ends with 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrpcCheck:
    """The standard health service saying SERVING."""

    host: str
    port: int
    service: str = ""


Check = HttpCheck | TcpCheck | ExecCheck | GrpcCheck


@dataclass(frozen=True, slots=True)
class Timing:
    """The numbers of a probe: seconds and counts, as in the spec, with the API's defaults."""

    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    successes: int = 1
    failures: int = 3


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Something to tell people of a container: reason ("Unhealthy", "ProbeWarning") and message of a Warning Event."""

    key: PodKey
    uid: str
    container: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier agent last said of a container."""

    started: bool
    ready: bool


Running = Mapping[str, Target]
"""Running containers with their names in the spec."""
