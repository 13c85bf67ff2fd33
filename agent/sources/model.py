# SPDX-License-Identifier: Apache-2.0
"""What a source of pods says: the pods that should run here, and what is wrong with its input."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lightkube.models.core_v1 import Pod


@dataclass(frozen=True, slots=True, order=True)
class PodKey:
    """What tells one pod of this node from another at one time: two pods never share it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Origin(StrEnum):
    """Who wants a pod: a manifest in the node's folder (a static pod), or the API server."""

    FILE = "file"
    API = "api"


@dataclass(frozen=True, slots=True)
class Deletion:
    """A pod that shall end: its processes by `at` (seconds since the epoch), which leaves them `grace` seconds.

    Of the API these are metadata.deletionTimestamp, which is the request's time plus the grace period, and
    metadata.deletionGracePeriodSeconds.
    """

    at: float
    grace: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pod of the API server will not run here: it ends as Failed with this reason and this message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DesiredPod:
    """A pod that should run: checked, with every default filled in, uid and nodeName included.

    `uid` changes whenever a manifest's content does, so a changed manifest is a new pod; formatting and comments
    do not matter. A pod of the API server keeps the uid that it has there, also when its spec changes, and
    `pod.status` is what the API server has of it. `source` is where it was written, "web.yaml:12" (file and first
    line of the document), or "api". Nobody may change `pod`: readers share it.
    """

    key: PodKey
    uid: str
    pod: Pod
    source: str
    origin: Origin = Origin.FILE
    deletion: Deletion | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, for the person who wrote it.

    `source` is "web.yaml:14" (the line of the offending field), or the file or folder alone where no line can
    be named. `field` is a path such as "spec.containers[0].image", or "" when the trouble is not with one
    field. `message` says what is wrong and what is accepted.
    """

    source: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.field, self.message) if part)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a source has at one time.

    `broken_files` names the files (as in DesiredPod.source, without the line) that could not be read
    completely; pods of their last good reading are still in `pods`, those of an earlier process cannot be.
    `is_blind` says that the whole source cannot be read now: nothing follows from a pod's absence.
    """

    pods: Mapping[PodKey, DesiredPod] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    broken_files: frozenset[str] = frozenset()
    is_blind: bool = False
