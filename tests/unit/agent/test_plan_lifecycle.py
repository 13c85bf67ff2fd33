# SPDX-License-Identifier: Apache-2.0
"""plan_pod over the life of a pod: init containers, sidecars, probes, deadlines, deletion. One row a situation."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1

from agent.pod import labels
from agent.pod.context import Context
from agent.pod.model import ObservedContainer, ObservedPod, Plan, PullImage, StartContainer, StopContainer
from agent.pod.plan import plan_pod
from agent.pod.situation import PodEnd
from agent.pod.times import of_seconds
from agent.probe.model import ProbeFailure, ProbeKind, ProbeState
from agent.sources.model import Deletion, DesiredPod, Refusal
from cri.model import ContainerState, Sandbox
from tests.unit.agent.builders import container, context, observed, pod, sandbox

EXITED = ContainerState.EXITED
IMAGE = "docker.io/local/busybox:1"
NOW = 1000.0
DEAD, NEXT = sandbox(ready=False), sandbox(attempt=1)
# What is done in every plan that starts something, and does not matter for the order of the containers.
AROUND = ("EnsureCgroup", "PullImage", "PrepareVolumes", "RunSandbox")


def with_spec(*inits: core_v1.Container, apps: tuple[str, ...] = ("app",), **fields: Any) -> DesiredPod:
    """A pod with these init containers and further fields of its spec."""
    made = pod(*apps)
    assert made.pod.spec is not None
    spec = msgspec.structs.replace(made.pod.spec, initContainers=list(inits), **fields)
    return replace(made, pod=msgspec.structs.replace(made.pod, spec=spec))


def init(name: str, **fields: Any) -> core_v1.Container:
    return core_v1.Container(name=name, image=IMAGE, **fields)


def sidecar(name: str) -> core_v1.Container:
    return init(name, restartPolicy="Always")


def role(made: ObservedContainer, what: str, order: int = 0) -> ObservedContainer:
    """The same container with the notes that it was made with."""
    notes = {**made.status.annotations, labels.ROLE: what, labels.ORDER: str(order)}
    return replace(made, status=replace(made.status, annotations=notes))


def done(name: str, code: int = 0, box: Sandbox | None = None, attempt: int = 0) -> ObservedContainer:
    return container(name, EXITED, exit_code=code, finished=NOW - 1, box=box, attempt=attempt)


def from_image(made: ObservedContainer, image: str = "older:1") -> ObservedContainer:
    notes = {**made.status.annotations, labels.IMAGE: image}
    return replace(made, status=replace(made.status, annotations=notes))


def words(plan: Plan) -> list[list[str]]:
    """The steps as "StartContainer a", without what surrounds every start."""
    named = (
        [f"{type(o).__name__} {o.target}".strip() for o in step if type(o).__name__ not in AROUND]
        for step in plan.steps
    )
    return [step for step in named if step]


def starts(plan: Plan) -> list[tuple[str, int]]:
    return [(o.target, o.attempt) for step in plan.steps for o in step if isinstance(o, StartContainer)]


def probes(**states: ProbeState) -> Context:
    """By the names of the containers."""
    return replace(context(NOW), probes=lambda identity: states.get(identity.split("-")[0], ProbeState()))


UNSTARTED = ProbeState(started=False, ready=False)
FAILED = ProbeState(
    ready=False, failed=ProbeFailure(ProbeKind.LIVENESS, "500", "failed liveness probe", grace=3)
)
TWO, BOTH = with_spec(init("one"), init("two")), with_spec(init("one"), sidecar("side"))
ENDING = replace(pod("a", "b"), deletion=Deletion(NOW + 5, 30))
BOX = sandbox()

# wanted, what there is, the clock and the probes, what is started and stopped
ROWS: dict[str, tuple[DesiredPod, ObservedPod, Context, list[list[str]]]] = {
    "a new pod begins with its first init container": (
        TWO, observed(), context(NOW), [["StartContainer one"]],
    ),
    "while one runs nothing else is started": (TWO, observed(BOX, container("one")), context(NOW), []),
    "one is done, two follows": (TWO, observed(BOX, done("one")), context(NOW), [["StartContainer two"]]),
    "both are done, the app follows": (
        TWO, observed(BOX, done("one"), done("two")), context(NOW), [["StartContainer app"]],
    ),
    "the app runs: done is done": (TWO, observed(BOX, done("one"), done("two"), container()), context(NOW), []),
    "a failed init container is tried again": (
        TWO, observed(BOX, done("one", 1)), context(NOW), [["StartContainer one"]],
    ),
    "and with restartPolicy Never it ends the pod": (
        with_spec(init("one"), restartPolicy="Never"), observed(BOX, done("one", 1)), context(NOW), [["StopSandbox"]],
    ),
    "a new sandbox runs the init containers again": (
        TWO, observed(NEXT, DEAD, done("one", box=DEAD), done("two", box=DEAD)), context(NOW),
        [["StartContainer one"]],
    ),
    "a sidecar is started after the init container before it": (
        BOTH, observed(BOX, done("one")), context(NOW), [["StartContainer side"]],
    ),
    "a sidecar that has not started up holds the app back": (
        BOTH, observed(BOX, done("one"), container("side")), probes(side=UNSTARTED), [],
    ),
    "a sidecar that has lets it go": (
        BOTH, observed(BOX, done("one"), container("side")), context(NOW), [["StartContainer app"]],
    ),
    "a sidecar that died beside its app is started again": (
        BOTH, observed(BOX, done("one"), done("side", 1), container()), context(NOW), [["StartContainer side"]],
    ),
    "the app is done: sidecars end in the reverse of their order": (
        with_spec(sidecar("s1"), sidecar("s2"), restartPolicy="Never"),
        observed(BOX, role(container("s1"), "sidecar", 0), role(container("s2"), "sidecar", 1), done("app")),
        context(NOW),
        [["StopContainer s2"], ["StopContainer s1"], ["StopSandbox"]],
    ),
    "an app whose liveness failed is stopped": (
        pod(), observed(BOX, container()), probes(app=FAILED), [["StopContainer app"]],
    ),
    "a pod whose deadline is over ends": (
        with_spec(activeDeadlineSeconds=60), observed(BOX, container()),
        replace(context(NOW), previous=core_v1.PodStatus(startTime=of_seconds(NOW - 60))),
        [["StopContainer app"], ["StopSandbox"]],
    ),
    "a pod whose deadline is not over runs": (
        with_spec(activeDeadlineSeconds=60), observed(BOX, container()),
        replace(context(NOW), previous=core_v1.PodStatus(startTime=of_seconds(NOW - 59))), [],
    ),
    "a pod that was told to be Failed never starts again": (
        pod(), observed(), replace(context(NOW), previous=core_v1.PodStatus(phase="Failed")), [],
    ),
    "another image ends what runs": (
        pod(policy="Never"), observed(BOX, from_image(container())), context(NOW), [["StopContainer app"]],
    ),
    "and begins anew, whatever the restartPolicy says": (
        pod(policy="Never"), observed(BOX, from_image(done("app", 143))), context(NOW), [["StartContainer app"]],
    ),
    "an evicted pod ends": (
        pod(), observed(BOX, container()), replace(context(NOW), end=PodEnd("Evicted", "no memory")),
        [["StopContainer app"], ["StopSandbox"]],
    ),
    "a refused pod is never made": (replace(pod(), refusal=Refusal("NoWay", "no")), observed(), context(NOW), []),
    "a deleted pod ends and its records stay": (
        ENDING, observed(BOX, container("a"), container("b")), context(NOW),
        [["StopContainer a", "StopContainer b"], ["StopSandbox"]],
    ),
    "a deleted pod is never begun": (ENDING, observed(), context(NOW), []),
    "an ephemeral container is started beside a running app": (
        with_spec(ephemeralContainers=[core_v1.EphemeralContainer(name="debug", image=IMAGE)]),
        observed(BOX, container()), context(NOW), [["StartContainer debug"]],
    ),
    "an ephemeral container is never started twice": (
        with_spec(ephemeralContainers=[core_v1.EphemeralContainer(name="debug", image=IMAGE)]),
        observed(BOX, container(), done("debug", 1)), context(NOW), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    wanted, seen, at, expected = ROWS[row]
    assert words(plan_pod(wanted, seen, at)) == expected


def test_a_deleted_pod_is_gone_when_nothing_of_it_is_left() -> None:
    assert not plan_pod(ENDING, observed(BOX, container("a")), context(NOW)).is_gone
    assert plan_pod(ENDING, observed(sandbox(ready=False), done("a")), context(NOW)).is_gone
    assert plan_pod(ENDING, observed(), context(NOW)).is_gone


def test_the_deletion_says_until_when_and_a_probe_how_long() -> None:
    deleted = plan_pod(ENDING, observed(BOX, container("a")), context(NOW)).steps[0][0]
    unhealthy = plan_pod(pod(), observed(BOX, container()), probes(app=FAILED)).steps[0][0]
    assert isinstance(deleted, StopContainer)
    assert isinstance(unhealthy, StopContainer)
    assert (deleted.until, unhealthy.until) == (NOW + 5, NOW + 3)
    assert unhealthy.message == "failed liveness probe"


def test_attempts_count_on_over_sandboxes() -> None:
    seen = observed(NEXT, DEAD, done("one", box=DEAD, attempt=2), done("app", 137, box=DEAD))
    assert starts(plan_pod(with_spec(init("one")), seen, context(NOW))) == [("one", 3)]


def test_a_pod_that_the_runtime_forgot_counts_on_from_what_was_told() -> None:
    running = core_v1.ContainerState(running=core_v1.ContainerStateRunning())
    told = core_v1.ContainerStatus(IMAGE, "", "app", ready=True, restartCount=4, state=running)
    at = replace(context(NOW), previous=core_v1.PodStatus(phase="Running", containerStatuses=[told]))
    assert starts(plan_pod(pod(), observed(), at)) == [("app", 5)]


def test_the_deadline_wakes_the_worker() -> None:
    at = replace(context(NOW), previous=core_v1.PodStatus(startTime=of_seconds(NOW - 10)))
    plan = plan_pod(with_spec(activeDeadlineSeconds=60), observed(BOX, container()), at)
    assert plan.wake_at == NOW + 50


def test_an_image_that_is_mounted_is_pulled_for_its_container() -> None:
    mounting = core_v1.Container(
        name="app", image=IMAGE, volumeMounts=[core_v1.VolumeMount(mountPath="/data", name="data")]
    )
    source = core_v1.ImageVolumeSource(reference="docker.io/local/data:1")
    wanted = with_spec(volumes=[core_v1.Volume(name="data", image=source)], containers=[mounting])
    pulls = [o for step in plan_pod(wanted, observed(), context(NOW)).steps for o in step]
    found = {(o.image, o.target) for o in pulls if isinstance(o, PullImage)}
    assert found == {(IMAGE, "app"), ("docker.io/local/data:1", "app")}
