# SPDX-License-Identifier: Apache-2.0
"""Random lives of a pod in a model of the runtime: the agent dies between two operations, processes and pause die.

Whatever happened, the pod converges; no container runs twice at one time, and no app starts before its init containers
are done.
"""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pod.model import ObservedContainer, Operation, StartContainer
from agent.pod.plan import Plan, plan_pod
from agent.pod.role import Role
from agent.sources.model import Deletion, DesiredPod
from cri.model import ContainerState, Sandbox
from tests.unit.agent.builders import container, context, observed, sandbox
from tests.unit.agent.test_plan import _perform_one
from tests.unit.agent.test_plan_lifecycle import init, sidecar, with_spec

INITS, SIDECARS, APPS = ("one", "two"), ("side",), ("a", "b")
EXITED, RUNNING, CREATED = ContainerState.EXITED, ContainerState.RUNNING, ContainerState.CREATED
# Rounds of looking, planning and doing within which everything has to come to rest.
ROUNDS = 40
# Seconds between rounds: longer than every back-off.
PAUSE = 1000.0


@dataclass
class World:
    """The runtime's parts, the clock, and the pod that is wanted."""

    wanted: DesiredPod
    parts: list[Sandbox | ObservedContainer] = field(default_factory=list)
    now: float = 1000.0

    def plan(self) -> Plan:
        return plan_pod(self.wanted, observed(*self.parts), context(self.now))

    def do(self, operation: Operation, *, dies: bool = False) -> None:
        """Perform it; an agent that dies in a start leaves a container that never ran."""
        if isinstance(operation, StartContainer):
            self._check_start(operation)
        before = self._ids()
        self.parts = _perform_one(operation, self.parts)
        if dies and isinstance(operation, StartContainer):
            self._change(lambda made: made.status.id not in before, CREATED, 0)

    def end(self, name: str, code: int) -> None:
        """A process ends by itself."""
        self._change(lambda made: made.status.name == name and made.status.state is RUNNING, EXITED, code)

    def kill_pause(self) -> None:
        """The sandbox dies, and with its namespace everything that runs in it."""
        boxes = [part for part in self.parts if isinstance(part, Sandbox)]
        dead = {box.id: sandbox(box.metadata.uid, box.metadata.attempt, ready=False) for box in boxes}
        self.parts = [dead.get(part.id, part) if isinstance(part, Sandbox) else part for part in self.parts]
        self._change(lambda made: made.is_alive, EXITED, 137)

    def alive(self) -> list[str]:
        return sorted(part.status.name for part in self._containers() if part.is_alive)

    def settle(self) -> Plan:
        """Let the agent work undisturbed, init containers end well; the plan of the rest."""
        for _ in range(ROUNDS):
            plan = self.plan()
            if not plan.steps and plan.wake_at is None and not set(self.alive()) & set(INITS):
                return plan
            for step in plan.steps:
                for operation in step:
                    self.do(operation)
            for name in INITS:
                self.end(name, 0)
            self.now += PAUSE
        raise AssertionError(f"still busy after {ROUNDS} rounds: {plan.describe()}")

    def _check_start(self, operation: StartContainer) -> None:
        assert operation.target not in self.alive(), f"{operation.target} would run twice"
        if operation.role is not Role.APP:
            return
        box = operation.sandbox_id
        done = {
            part.status.name
            for part in self._containers()
            if part.sandbox_id == box and part.status.state is EXITED and part.status.exit_code == 0
        }
        assert set(INITS) <= done, f"{operation.target} starts before its init containers are done"

    def _containers(self) -> list[ObservedContainer]:
        return [part for part in self.parts if isinstance(part, ObservedContainer)]

    def _ids(self) -> set[str]:
        return {part.status.id for part in self._containers()}

    def _change(self, which: object, state: ContainerState, code: int) -> None:
        boxes = {part.id: part for part in self.parts if isinstance(part, Sandbox)}

        def changed(part: Sandbox | ObservedContainer) -> Sandbox | ObservedContainer:
            if isinstance(part, Sandbox) or not which(part):  # type: ignore[operator]
                return part
            return container(
                part.status.name,
                state,
                attempt=part.status.attempt,
                exit_code=code,
                started=self.now - 700,
                finished=self.now,
                box=boxes[part.sandbox_id],
            )

        self.parts = [changed(part) for part in self.parts]


EVENTS = st.one_of(
    st.tuples(st.just("work"), st.integers(0, 12), st.booleans()),
    st.tuples(st.just("end"), st.sampled_from((*INITS, *SIDECARS, *APPS)), st.sampled_from((0, 1))),
    st.tuples(st.just("pause"), st.none(), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=15), st.booleans())
def test_every_history_converges(history: list[tuple[str, object, object]], deleted: bool) -> None:
    world = World(with_spec(init("one"), sidecar("side"), init("two"), apps=APPS))
    for kind, what, how in history:
        live(world, kind, what, how)
    if deleted:
        world.wanted = replace(world.wanted, deletion=Deletion(world.now + 30, 30))
    plan = world.settle()
    assert plan.is_gone is deleted
    assert world.alive() == ([] if deleted else sorted((*APPS, *SIDECARS)))


def live(world: World, kind: str, what: object, how: object) -> None:
    match kind, what:
        case "work", int(count):
            operations = [operation for step in world.plan().steps for operation in step][:count]
            for index, operation in enumerate(operations):
                world.do(operation, dies=bool(how) and index == len(operations) - 1)
        case "end", str(name):
            world.end(name, int(str(how)))
        case "pause", _:
            world.kill_pause()
    world.now += PAUSE
