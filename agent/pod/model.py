# SPDX-License-Identifier: Apache-2.0
"""Frozen values about one pod: what the runtime holds, the operations of a plan, and what failed lately.

Times are seconds since the epoch, as floats, except inside `cri` values, which keep the runtime's nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightkube.models import core_v1

from agent.cgroup.model import CgroupLimits
from agent.pod import labels
from agent.pod.role import AnyContainer, Role
from agent.sources.model import DesiredPod, PodKey
from cri.model import ContainerState, ContainerStatus, LinuxResources, Sandbox, SandboxConfig

__all__ = ["DesiredPod", "PodKey"]


REFRESH = "volumes/"
RESIZE = "resize/"
"""The targets of what fails without holding back anything else; no container can have such a name."""


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
    """Create and start a container in the sandbox, and run its postStart hook.

    sandbox_id "" means the sandbox that this plan runs; backoff is the delay in seconds that the container's end will
    be followed by. What it gets (environment, mounts, user...) is looked up when it is made.
    """

    container: AnyContainer
    sandbox: SandboxConfig
    sandbox_id: str
    attempt: int
    backoff: float
    role: Role = Role.APP
    order: int = 0

    @property
    def target(self) -> str:
        """The container that this is about."""
        return self.container.name

    def describe(self) -> str:
        """One line for dry runs and logs."""
        own = (*(self.container.command or ()), *(self.container.args or ()))
        words = " ".join(own) or "the image's command"
        kind = "" if self.role is Role.APP else f"{self.role} "
        what = f"{kind}container {self.target} attempt {self.attempt}: {self.container.image}"
        return f"start {what}: {words}"


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Ask a container to end by `until` (epoch seconds), and kill it then.

    A preStop hook runs first, inside that time. message is told as the Event Killing; a failed probe is the reason when
    the container is started again afterwards.
    """

    container_id: str
    target: str
    until: float
    hook: core_v1.LifecycleHandler | None = None
    message: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        hook = ", preStop hook first" if self.hook else ""
        why = f" ({self.message})" if self.message else ""
        return f"stop container {self.target}{hook}{why}"


@dataclass(frozen=True, slots=True)
class ResizeContainer:
    """Give a running container other limits."""

    container_id: str
    name: str
    resources: LinuxResources
    target: str = RESIZE

    def describe(self) -> str:
        """One line for dry runs and logs."""
        limits = f"cpu {self.resources.cpu_quota} us, memory {self.resources.memory_limit}"
        return f"resize container {self.name} to {limits}"


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove a dead container, with the log and the termination message of its attempt; a failure holds back target."""

    container_id: str
    name: str
    target: str
    attempt: int = 0
    log_path: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"remove container {self.name} attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class PrepareVolumes:
    """Have all volumes of the pod made and mounted."""

    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return "have the volumes ready"


@dataclass(frozen=True, slots=True)
class RefreshVolumes:
    """Bring the content of volumes up to date; a failure is told and holds nothing back."""

    target: str = REFRESH

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return "bring the volumes' content up to date"


@dataclass(frozen=True, slots=True)
class TeardownVolumes:
    """Unmount and remove everything that a pod has on disk."""

    uid: str
    target: str = ""

    def describe(self) -> str:
        """One line for dry runs and logs."""
        return f"remove the volumes of {self.uid}"


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
    | ResizeContainer
    | RemoveContainer
    | StopSandbox
    | RemoveSandbox
    | RemovePodFiles
    | PrepareVolumes
    | RefreshVolumes
    | TeardownVolumes
)

# The operations of one step run at the same time; a step begins when the one before has ended.
Step = tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now; when to look again by the clock (None: only when something happens); why containers wait.

    is_gone: nothing of a pod whose deletion was asked for runs or is mounted any more.
    """

    steps: tuple[Step, ...] = ()
    wake_at: float | None = None
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    is_gone: bool = False

    def describe(self) -> tuple[str, ...]:
        """One line an operation, in order, for dry runs and logs."""
        return tuple(operation.describe() for step in self.steps for operation in step)


def grace_of(sandbox: Sandbox) -> int:
    """The grace period in seconds that was in force when the sandbox was made (its manifest may be gone now)."""
    text = sandbox.annotations.get(labels.GRACE_SECONDS, "")
    return int(text) if text.isdigit() else 30
