# SPDX-License-Identifier: Apache-2.0
"""Small pods and runtime states for tests of planning."""

from pathlib import Path

from lightkube.models import core_v1, meta_v1

from agent.pod import labels
from agent.pod.model import ObservedContainer, ObservedPod
from agent.pod.plan import Context
from agent.pod.render import NodeFacts
from agent.pod.restart import BackoffSettings
from agent.sources.model import DesiredPod, PodKey
from cri.model import ContainerState, ContainerStatus, Sandbox, SandboxMetadata, SandboxState

NODE = NodeFacts("node1", Path("/logs"), "/lab/node1", 8 << 30)
SECOND = 1_000_000_000


def pod(*names: str, policy: str = "Always", uid: str = "u1", name: str = "web") -> DesiredPod:
    containers = [core_v1.Container(name=n, image="docker.io/local/busybox:1") for n in names or ("app",)]
    model = core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default", uid=uid),
        spec=core_v1.PodSpec(containers=containers, restartPolicy=policy),
    )
    return DesiredPod(PodKey("default", name), uid, model, "web.yaml:1")


def context(now: float = 1000, **failures: object) -> Context:
    return Context(now, NODE, BackoffSettings(), failures)  # type: ignore[arg-type]


def sandbox(uid: str = "u1", attempt: int = 0, *, ready: bool = True) -> Sandbox:
    state = SandboxState.READY if ready else SandboxState.NOT_READY
    notes = {labels.GRACE_SECONDS: "7", labels.CGROUP: "/lab/node1/kubepods/p"}
    metadata = SandboxMetadata("web", "default", uid, attempt)
    return Sandbox(f"sb-{uid}-{attempt}", metadata, state, attempt, {}, notes)


def container(
    name: str = "app",
    state: ContainerState = ContainerState.RUNNING,
    *,
    attempt: int = 0,
    exit_code: int = 0,
    started: float = 900,
    finished: float = 0,
    backoff: float = 0,
    box: Sandbox | None = None,
    reason: str = "",
    message: str = "",
) -> ObservedContainer:
    box = box or sandbox()
    status = ContainerStatus(
        id=f"{name}-{box.id}-{attempt}",
        name=name,
        attempt=attempt,
        state=state,
        created_at=int(started * SECOND),
        started_at=int(started * SECOND),
        finished_at=int(finished * SECOND),
        exit_code=exit_code,
        reason=reason,
        message=message,
        image="busybox",
        image_ref="sha256:0",
        labels={},
        annotations={labels.BACKOFF_SECONDS: f"{backoff:g}"},
        log_path=f"/logs/pods/x/{name}/{attempt}.log",
    )
    return ObservedContainer(box.id, status)


def observed(*parts: Sandbox | ObservedContainer) -> ObservedPod:
    boxes = tuple(part for part in parts if isinstance(part, Sandbox))
    return ObservedPod(boxes, tuple(p for p in parts if isinstance(p, ObservedContainer)), ("10.244.1.2",))
