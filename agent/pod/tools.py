# SPDX-License-Identifier: Apache-2.0
"""What operations act through; one for the whole node."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.cgroup.manager import Cgroups
from agent.image.pull import ImagePuller
from agent.objects.model import Objects
from agent.pod.facts import PodFacts
from agent.pod.notes import Tell, tell_nobody
from agent.pod.render import NodeFacts
from agent.pod.termination import TerminationFiles
from agent.volume.manager import Volumes
from cri import Runtime


@dataclass(frozen=True, slots=True)
class Tools:
    """The doors of the node, and what operations know of each other.

    facts makes a pod's facts from its addresses. starting has an entry for each sandbox that is being made: GC must not
    run meanwhile. oom_killed has the containers of which the kernel's log tells an OOM kill, hooking those whose
    postStart hook runs.
    """

    runtime: Runtime
    images: ImagePuller
    cgroups: Cgroups
    logs: Path
    node: NodeFacts
    volumes: Volumes
    objects: Objects
    termination: TerminationFiles
    facts: Callable[[tuple[str, ...]], PodFacts]
    tell: Tell = tell_nobody
    clock: Callable[[], float] = time.time
    starting: set[object] = field(default_factory=set)
    oom_killed: set[str] = field(default_factory=set)
    hooking: set[str] = field(default_factory=set)
