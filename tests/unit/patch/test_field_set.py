# SPDX-License-Identifier: Apache-2.0
"""The algebra of FieldsV1 sets, against sets of Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.patch.field_set import (
    FieldSet,
    difference,
    intersection,
    is_well_formed,
    ordered,
    paths,
    union,
    with_self,
)
from controlplane.patch.path_element import path_text

Paths = frozenset[tuple[str, ...]]
STEPS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
SETS = st.frozensets(st.lists(STEPS, min_size=1, max_size=3).map(tuple), max_size=8)


def tree(members: Paths) -> FieldSet | None:
    result: FieldSet | None = None
    for path in members:
        node: FieldSet = {}
        for step in reversed(path):
            node = {step: node}
        result = union(result, node)
    return result


@given(SETS)
def test_a_tree_holds_its_paths(members: Paths) -> None:
    made = tree(members)
    assert frozenset(paths(made)) == members
    assert is_well_formed(made or {})
    assert ordered(made or {}) == (made or {})


@given(SETS, SETS)
def test_operations_are_those_of_sets(one: Paths, other: Paths) -> None:
    assert frozenset(paths(union(tree(one), tree(other)))) == one | other
    assert frozenset(paths(difference(tree(one), tree(other)))) == one - other
    assert frozenset(paths(intersection(tree(one), tree(other)))) == one & other


@given(SETS, SETS)
def test_a_set_is_written_in_one_way(one: Paths, other: Paths) -> None:
    assert difference(tree(one | other), tree(other - one)) == tree(one)


def test_paths_for_people() -> None:
    steps = ("f:spec", "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}', "f:x", 'v:"a"')
    assert path_text(steps) == '.spec.ports[containerPort=80,protocol="TCP"].x[="a"]'


def test_the_path_itself() -> None:
    assert with_self(None) == {}
    assert with_self({}) == {}
    assert with_self({"f:a": {}}) == {".": {}, "f:a": {}}


@pytest.mark.parametrize("node", [None, [], {"a": {}}, {"f:a": None}, {".": {"f:a": {}}}, {"f:a": {"b": {}}}])
def test_what_is_no_set(node: object) -> None:
    assert not is_well_formed(node)
