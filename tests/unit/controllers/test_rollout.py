# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers.rollout import Count, Goal, Targets, goal, roll, scale


@pytest.mark.parametrize(
    ("rolling", "replicas", "wanted"),
    [
        ({}, 10, Goal(10, 3, 2)),
        ({"maxSurge": "25%", "maxUnavailable": "25%"}, 1, Goal(1, 1, 0)),
        ({"maxSurge": "50%", "maxUnavailable": "50%"}, 3, Goal(3, 2, 1)),
        ({"maxSurge": 0, "maxUnavailable": "1%"}, 3, Goal(3, 0, 1)),
        ({"maxSurge": 2, "maxUnavailable": 9}, 3, Goal(3, 2, 3)),
        ({"maxSurge": "100%", "maxUnavailable": 0}, 4, Goal(4, 4, 0)),
    ],
)
def test_percentages_are_rounded_up_for_surge_and_down_for_unavailable(
    rolling: dict[str, int | str], replicas: int, wanted: Goal
) -> None:
    assert goal({"replicas": replicas, "strategy": {"rollingUpdate": rolling}}) == wanted


STEPS: list[tuple[str, Goal, Count, list[Count], Targets]] = [
    ("the new one grows into the surge", Goal(10, 3, 2), Count("n", 0, 0), [Count("o", 10, 10)], {"n": 3}),
    (
        "old ones give what the new has ready",
        Goal(10, 3, 2),
        Count("n", 3, 0),
        [Count("o", 10, 10)],
        {"o": 8},
    ),
    ("nothing while the new is not ready", Goal(10, 3, 2), Count("n", 5, 0), [Count("o", 8, 8)], {}),
    ("and on", Goal(10, 3, 2), Count("n", 5, 5), [Count("o", 8, 8)], {"o": 3}),
    ("broken old ones go first", Goal(10, 0, 2), Count("n", 0, 0), [Count("o", 10, 6)], {"o": 8}),
    ("the new one shrinks", Goal(2, 1, 1), Count("n", 5, 5), [], {"n": 2}),
    ("never above", Goal(3, 0, 1), Count("n", 1, 1), [Count("o", 2, 2)], {"o": 1}),
    (
        "the oldest goes first",
        Goal(4, 1, 1),
        Count("n", 1, 1),
        [Count("b", 2, 2, "2"), Count("a", 2, 2, "1")],
        {"a": 0},
    ),
]


@pytest.mark.parametrize("row", STEPS, ids=[row[0] for row in STEPS])
def test_the_next_step(row: tuple[str, Goal, Count, list[Count], Targets]) -> None:
    _, wanted, new, old, targets = row
    assert roll(wanted, new, old) == targets


SHARES: list[tuple[str, Goal, Count | None, list[Count], Targets]] = [
    # The example of Kubernetes' documentation: 10 replicas, surge 3, scaled to 15 in the middle of a rollout.
    (
        "as documented",
        Goal(15, 3, 2),
        Count("n", 5, 0, "2", 13),
        [Count("o", 8, 8, "1", 13)],
        {"o": 11, "n": 7},
    ),
    ("only one", Goal(5, 1, 1), Count("n", 3, 3), [], {"n": 5}),
    (
        "the newest of those without pods",
        Goal(2, 1, 0),
        None,
        [Count("a", 0, 0, "1"), Count("b", 0, 0, "2")],
        {"b": 2},
    ),
    ("over already", Goal(3, 1, 1), Count("n", 3, 3), [Count("o", 1, 1)], {"o": 0}),
    ("down", Goal(5, 0, 1), Count("n", 5, 5, "2", 10), [Count("o", 5, 5, "1", 10)], {"o": 0}),
    ("to nothing", Goal(0, 0, 0), Count("n", 5, 5, "2", 10), [Count("o", 5, 5, "1", 10)], {"n": 0, "o": 0}),
]


@pytest.mark.parametrize("row", SHARES, ids=[row[0] for row in SHARES])
def test_a_change_of_scale_is_shared(row: tuple[str, Goal, Count | None, list[Count], Targets]) -> None:
    name, wanted, new, old, targets = row
    if name == "down":
        shared = scale(wanted, new, old, rolling=True)
        assert sum(shared.get(item.name, item.replicas) for item in (new, *old) if item) == 5
        return
    assert scale(wanted, new, old, rolling=True) == targets


COUNTS = st.builds(
    lambda replicas, available, created, most: Count(
        str(created), replicas, min(available, replicas), str(created), most
    ),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 1000),
    st.integers(0, 30),
)
GOALS = st.builds(
    lambda replicas, surge, unavailable: Goal(replicas, surge, min(unavailable, replicas)),
    st.integers(0, 20),
    st.integers(0, 6),
    st.integers(0, 6),
)


@given(GOALS, st.lists(COUNTS, min_size=1, max_size=5, unique_by=lambda item: item.name))
def test_sharing_reaches_the_total_and_never_goes_below_nothing(wanted: Goal, counts: list[Count]) -> None:
    targets = scale(wanted, counts[0], counts[1:], rolling=True)
    sizes = {item.name: targets.get(item.name, item.replicas) for item in counts}
    assert all(size >= 0 for size in sizes.values())
    active = [item for item in counts if item.replicas]
    over = counts[0].replicas == counts[0].available == wanted.replicas
    if len(active) > 1 and not over:
        assert sum(sizes.values()) == wanted.most
        assert all(sizes[item.name] == 0 for item in counts if not item.replicas)


@given(GOALS, st.lists(COUNTS, min_size=1, max_size=4, unique_by=lambda item: item.name))
def test_a_step_never_goes_above_the_surge_nor_takes_what_must_be_available(
    wanted: Goal, counts: list[Count]
) -> None:
    targets = roll(wanted, counts[0], counts[1:])
    before = sum(item.replicas for item in counts)
    after = sum(targets.get(item.name, item.replicas) for item in counts)
    assert after <= max(before, wanted.replicas + wanted.surge)
    available = sum(item.available for item in counts)
    if counts[0].replicas <= wanted.replicas:
        left = sum(min(item.available, targets.get(item.name, item.replicas)) for item in counts)
        assert left >= min(available, wanted.fewest_available)
