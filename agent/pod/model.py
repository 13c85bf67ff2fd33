# SPDX-License-Identifier: Apache-2.0
"""Frozen values about one pod: what the runtime holds, the operations of a plan, and what failed lately.

Times are seconds since the epoch, as floats, except inside `cri` values, which keep the runtime's nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.cgroup.model import CgroupLimits
from agent.pod import labels
from agent.sources.model import DesiredPod, PodKey
from cri.model import ContainerConfig, ContainerState, ContainerStatus, Sandbox, SandboxConfig

__all__ = ["DesiredPod", "PodKey"]


@dataclass(frozen=True, slots=True)
class ObservedContainer:
    """A container of the pod, and the sandbox that it was made in."""

    sandbox_id: str
    status: ContainerStatus

    @property
    def is_alive(self) -> bool:
        """Whether a process may still be running: an unknown state is treated as running until it was stopped."""
        return self.status.state in (ContainerState.RUNNING, ContainerState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """All that the runtime holds under one pod name, of any uid; sandboxes are newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[ObservedContainer, ...] = ()
    ips: tuple[str, ...] = ()

    def of_uid(self, uid: str) -> "ObservedPod":
        """Only what belongs to the pod with this uid."""
        sandboxes = tuple(s for s in self.sandboxes if s.metadata.uid == uid)
        return ObservedPod(sandboxes, self._inside(sandboxes), self.ips)

    def not_of_uid(self, uid: str | None) -> "ObservedPod":
        """What earlier pods of the same name left behind."""
        sandboxes = tuple(s for s in self.sandboxes if s.metadata.uid != uid)
        return ObservedPod(sandboxes, self._inside(sandboxes))

    def in_sandbox(self, sandbox_id: str) -> tuple[ObservedContainer, ...]:
        """The containers made in this sandbox."""
        return tuple(c for c in self.containers if c.sandbox_id == sandbox_id)

    def latest(self, container_name: str) -> ObservedContainer | None:
        """The newest container of this name: the one whose end decides what happens next."""
        named = [c for c in self.containers if c.status.name == container_name]
        return max(named, key=lambda c: (c.status.attempt, c.status.created_at), default=None)

    def _inside(self, sandboxes: tuple[Sandbox, ...]) -> tuple[ObservedContainer, ...]:
        ids = {sandbox.id for sandbox in sandboxes}
        return tuple(c for c in self.containers if c.sandbox_id in ids)


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation that failed: why, how often in a row, and when it may be tried again.

    target is the container's name, or "" for what concerns the whole pod.
    """

    target: str
    reason: str
    message: str
    retry_at: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run now, in the words of the Kubernetes API."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class EnsureCgroup:
    """Make the pod's cgroup and write its limits."""

    path: str
    limits: CgroupLimits
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"create cgroup {self.path} with {self.limits.describe()}"


@dataclass(frozen=True, slots=True)
class PullImage:
    """Make sure that a container's image is on the node."""

    image: str
    policy: str
    target: str

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"have image {self.image} ({self.policy})"


@dataclass(frozen=True, slots=True)
class RunSandbox:
    """Make and start a sandbox: the pause container and the pod's network."""

    config: SandboxConfig
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"run sandbox attempt {self.config.metadata.attempt} in cgroup {self.config.cgroup_parent}"


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Create and start a container in the sandbox; sandbox_id "" means the one that this plan runs."""

    config: ContainerConfig
    sandbox: SandboxConfig
    sandbox_id: str

    @property
    def target(self) -> str:
        """The container that this is about."""
        return self.config.name

    def describe(self) -> str:
        """One line for dry runs and logs."""
        words = " ".join((*self.config.command, *self.config.args)) or "the image's command"
        return (
            f"start container {self.config.name} attempt {self.config.attempt}: {self.config.image}: {words}"
        )


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Ask a container to end, and kill it when the grace period (seconds) is over."""

    container_id: str
    target: str
    grace: int

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"stop container {self.target} within {self.grace} s"


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove a dead container and the log of its attempt; what fails holds back `target`."""

    container_id: str
    name: str
    target: str
    log_path: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"remove container {self.name} {self.container_id[:12]}"


@dataclass(frozen=True, slots=True)
class StopSandbox:
    """Stop a sandbox: its network and addresses go, and whatever still runs in it."""

    sandbox_id: str
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"stop sandbox {self.sandbox_id[:12]}"


@dataclass(frozen=True, slots=True)
class RemoveSandbox:
    """Remove a stopped sandbox and its dead containers."""

    sandbox_id: str
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"remove sandbox {self.sandbox_id[:12]}"


@dataclass(frozen=True, slots=True)
class RemovePodFiles:
    """Remove what a pod leaves outside the runtime: its cgroup ("" if it had none) and its folder of logs."""

    cgroup: str
    namespace: str
    name: str
    uid: str
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return (
            f"remove cgroup {self.cgroup or '(none)'} and the logs of {self.namespace}/{self.name} {self.uid}"
        )


Operation = (
    EnsureCgroup
    | PullImage
    | RunSandbox
    | StartContainer
    | StopContainer
    | RemoveContainer
    | StopSandbox
    | RemoveSandbox
    | RemovePodFiles
)

# The operations of one step run at the same time; a step begins when the one before has ended.
Step = tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now; when to look again by the clock (None: only when something happens); why containers wait."""

    steps: tuple[Step, ...] = ()
    wake_at: float | None = None
    waiting: Mapping[str, Waiting] = field(default_factory=dict)

    def describe(self) -> tuple[str, ...]:
        """One line an operation, in order, for dry runs and logs."""
        return tuple(operation.describe() for step in self.steps for operation in step)


def grace_of(sandbox: Sandbox) -> int:
    """The grace period in seconds that was in force when the sandbox was made (its manifest may be gone now)."""
    text = sandbox.annotations.get(labels.GRACE_SECONDS, "")
    return int(text) if text.isdigit() else 30
