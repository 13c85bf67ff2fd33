# SPDX-License-Identifier: Apache-2.0
"""What probes mean for containers over time: thresholds, startup first, restarts of the agent, hanging targets."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from lightkube.models import core_v1
from prometheus_client import generate_latest

from agent.probe.memory import ProbeMemory
from agent.probe.model import Check, ExecCheck, Outcome, ProbeKind, ProbeReport, ProbeState, Result, Target
from agent.probe.prober import Prober
from agent.sources.model import Deletion, DesiredPod, PodKey
from tests.support.virtual_time import run_virtually

KEY = PodKey("default", "web")
START = 5000.0
GOOD, BAD = Result(Outcome.SUCCESS), Result(Outcome.FAILURE, "no")


def probe(word: str, **numbers: int) -> core_v1.Probe:
    return core_v1.Probe(exec=core_v1.ExecAction(command=[word]), **numbers)


def pod(**probes: core_v1.Probe) -> DesiredPod:
    container = core_v1.Container(name="app", image="i", **probes)
    return DesiredPod(KEY, "u1", core_v1.Pod(spec=core_v1.PodSpec(containers=[container])), "w.yaml:1")


class World:
    """Answers probes by their command's word, and notes what it is told."""

    def __init__(self, memory: Path) -> None:
        self.memory = ProbeMemory(memory)
        self.answers: dict[str, Result] = {}
        self.asked: list[tuple[str, float]] = []
        self.reports: list[ProbeReport] = []
        self.changes: list[tuple[float, ProbeState]] = []
        self.hangs: set[str] = set()

    def now(self) -> float:
        return START + asyncio.get_running_loop().time() - 1000

    def prober(self) -> Prober:
        made = Prober(
            self._make,
            changed=lambda _key: self.changes.append((self.now() - START, made.state("c1"))),
            tell=self.reports.append,
            memory=self.memory,
            clock=self.now,
        )
        return made

    async def _make(self, container_id: str, check: Check, timeout: float) -> Result:
        assert isinstance(check, ExecCheck)
        (word,) = check.command
        self.asked.append((f"{word} {container_id}", self.now() - START))
        if word in self.hangs:
            await asyncio.sleep(timeout)
            return Result(Outcome.FAILURE, "timed out")
        return self.answers.get(word, GOOD)

    def times(self, what: str) -> list[float]:
        return [round(at, 3) for name, at in self.asked if name == what]


def running(container_id: str = "c1") -> dict[str, Target]:
    return {"app": Target(container_id, START, "10.0.0.2")}


def play(tmp_path: Path, scene: Callable[[World, Prober], Awaitable[None]]) -> World:
    world = World(tmp_path / "probes")

    async def act() -> None:
        prober = world.prober()
        await scene(world, prober)
        await prober.close()

    run_virtually(act())
    return world


def test_a_container_without_probes_is_started_and_ready_and_leaves_nothing(tmp_path: Path) -> None:
    async def scene(world: World, prober: Prober) -> None:
        prober.follow(pod(), running())
        assert prober.state("c1") == ProbeState()

    assert play(tmp_path, scene).memory.known() == frozenset()


def test_readiness_waits_its_delay_and_follows_the_thresholds(tmp_path: Path) -> None:
    spec = pod(readinessProbe=probe("r", initialDelaySeconds=3, periodSeconds=10, failureThreshold=2))

    async def scene(world: World, prober: Prober) -> None:
        prober.follow(spec, running())
        assert prober.state("c1") == ProbeState(started=True, ready=False)
        await asyncio.sleep(30)
        world.answers["r"] = BAD
        await asyncio.sleep(30)
        world.answers["r"] = GOOD
        await asyncio.sleep(30)

    world = play(tmp_path, scene)
    assert world.times("r c1")[0] == 3
    assert [state.ready for _, state in world.changes] == [True, False, True]
    (ready_at, _), (unready_at, _), _ = world.changes
    assert ready_at == 3
    assert 40 <= unready_at <= 60, "two failures in a row, ten seconds apart"
    assert {(r.reason, r.message) for r in world.reports} == {("Unhealthy", "Readiness probe failed: no")}


def test_nothing_else_is_probed_before_startup_succeeds(tmp_path: Path) -> None:
    spec = pod(
        startupProbe=probe("s", periodSeconds=1, failureThreshold=30),
        readinessProbe=probe("r"),
        livenessProbe=probe("l"),
    )

    async def scene(world: World, prober: Prober) -> None:
        world.answers["s"] = BAD
        prober.follow(spec, running())
        await asyncio.sleep(5.5)
        world.answers["s"] = GOOD
        await asyncio.sleep(0.6)
        assert prober.state("c1") == ProbeState(started=True, ready=True)
        await asyncio.sleep(20)

    world = play(tmp_path, scene)
    assert world.times("s c1") == [0, 1, 2, 3, 4, 5, 6]
    assert min(world.times("r c1") + world.times("l c1")) == 6


def test_a_failed_liveness_probe_names_the_container_and_ends_all_its_probes(tmp_path: Path) -> None:
    spec = pod(
        livenessProbe=probe("l", periodSeconds=5, failureThreshold=2, terminationGracePeriodSeconds=4),
        readinessProbe=probe("r", periodSeconds=1),
    )

    async def scene(world: World, prober: Prober) -> None:
        world.answers["l"] = BAD
        prober.follow(spec, running())
        await asyncio.sleep(60)
        failed = prober.state("c1").failed
        assert failed is not None
        assert (failed.kind, failed.message, failed.grace) == (ProbeKind.LIVENESS, "no", 4)
        assert failed.text == "Container app failed liveness probe, will be restarted"
        prober.follow(spec, running("c2"))
        assert prober.state("c2").failed is None
        assert world.memory.known() == {"c2"}

    world = play(tmp_path, scene)
    assert len(world.times("l c1")) == 2
    assert max(world.times("r c1")) <= max(world.times("l c1"))


def test_a_failed_startup_probe_is_told_as_such(tmp_path: Path) -> None:
    async def scene(world: World, prober: Prober) -> None:
        world.answers["s"] = BAD
        prober.follow(pod(startupProbe=probe("s", periodSeconds=2, failureThreshold=3)), running())
        await asyncio.sleep(60)
        failed = prober.state("c1").failed
        assert failed is not None
        assert failed.text == "Container app failed startup probe, will be restarted"

    assert play(tmp_path, scene).times("s c1") == [0, 2, 4]


def test_another_agent_goes_on_where_the_killed_one_was(tmp_path: Path) -> None:
    spec = pod(startupProbe=probe("s"), readinessProbe=probe("r", periodSeconds=10, failureThreshold=3))

    async def scene(world: World, prober: Prober) -> None:
        prober.follow(spec, running())
        await asyncio.sleep(25)
        await prober.close()
        before = len(world.changes)
        other = world.prober()
        other.follow(spec, running())
        assert other.state("c1") == ProbeState(started=True, ready=True)
        world.answers["r"] = BAD
        await asyncio.sleep(15)
        assert other.state("c1").ready, "one or two failures are not three"
        await asyncio.sleep(20)
        assert not other.state("c1").ready
        assert len(world.changes) == before + 1
        other.tidy(["c2"])
        assert world.memory.known() == frozenset()
        await other.close()

    world = play(tmp_path, scene)
    gaps = [b - a for a, b in zip(world.times("r c1")[1:], world.times("r c1")[2:], strict=False)]
    assert {round(gap, 3) for gap in gaps} == {10}, "the beat goes on over the restart"
    assert len(world.times("s c1")) == 1


def test_a_probe_that_hangs_costs_nobody_else_and_is_never_made_twice_at_once(tmp_path: Path) -> None:
    slow = pod(livenessProbe=probe("slow", periodSeconds=1, timeoutSeconds=4, failureThreshold=100))
    quick = DesiredPod(
        PodKey("default", "other"), "u2", pod(readinessProbe=probe("q", periodSeconds=1)).pod, ""
    )

    async def scene(world: World, prober: Prober) -> None:
        world.hangs.add("slow")
        prober.follow(slow, running())
        prober.follow(quick, running("c2"))
        await asyncio.sleep(60)

    world = play(tmp_path, scene)
    assert 12 <= len(world.times("slow c1")) <= 16
    assert 60 <= len(world.times("q c2")) <= 61
    assert {r.message for r in world.reports} == {"Liveness probe failed: timed out"}


def test_a_port_without_a_name_counts_neither_way_and_is_told(tmp_path: Path) -> None:
    http = core_v1.Probe(httpGet=core_v1.HTTPGetAction(port="web"), failureThreshold=1)

    async def scene(world: World, prober: Prober) -> None:
        prober.follow(pod(livenessProbe=http, readinessProbe=http), running())
        await asyncio.sleep(40)
        assert prober.state("c1") == ProbeState(started=True, ready=False)

    reports = {r.message for r in play(tmp_path, scene).reports}
    assert (
        "Liveness probe errored and resulted in Unknown state: cannot probe port 'web': "
        "container app names no such port; its named ports: none"
    ) in reports


def test_what_is_forgotten_is_probed_no_more_and_shown_no_more(tmp_path: Path) -> None:
    async def scene(world: World, prober: Prober) -> None:
        prober.follow(pod(readinessProbe=probe("r", periodSeconds=1)), running())
        await asyncio.sleep(3)
        shown = generate_latest(prober.metrics.registry).decode()
        assert 'prober_probe_total{container="app",namespace="default",pod="web",pod_uid="u1"' in shown
        prober.forget("u1")
        asked = len(world.asked)
        await asyncio.sleep(10)
        assert len(world.asked) == asked
        assert "app" not in generate_latest(prober.metrics.registry).decode()
        assert world.memory.known() == frozenset()

    play(tmp_path, scene)


def test_a_pod_that_is_deleted_is_asked_only_whether_it_is_ready(tmp_path: Path) -> None:
    spec = pod(
        livenessProbe=probe("l", periodSeconds=1, failureThreshold=1),
        readinessProbe=probe("r", periodSeconds=1),
    )

    async def scene(world: World, prober: Prober) -> None:
        prober.follow(spec, running())
        await asyncio.sleep(3)
        world.answers |= {"l": BAD, "r": BAD}
        prober.follow(replace(spec, deletion=Deletion(START + 100, 30)), running())
        asked = len(world.times("l c1"))
        await asyncio.sleep(10)
        assert len(world.times("l c1")) == asked
        assert prober.state("c1") == ProbeState(started=True, ready=False, failed=None)

    play(tmp_path, scene)


def test_a_sidecar_is_probed_and_an_init_container_is_not(tmp_path: Path) -> None:
    readiness = {"readinessProbe": probe("r")}
    sidecar = core_v1.Container(name="proxy", image="i", restartPolicy="Always", **readiness)
    init = core_v1.Container(name="init", image="i", **readiness)
    spec = core_v1.PodSpec(containers=[], initContainers=[init, sidecar])
    desired = DesiredPod(KEY, "u1", core_v1.Pod(spec=spec), "")

    async def scene(world: World, prober: Prober) -> None:
        targets = {name: Target(name, START, "10.0.0.2") for name in ("init", "proxy")}
        prober.follow(desired, targets)
        assert not prober.state("proxy").ready
        await asyncio.sleep(1)
        assert prober.state("proxy").ready

    assert {name for name, _ in play(tmp_path, scene).asked} == {"r proxy"}
