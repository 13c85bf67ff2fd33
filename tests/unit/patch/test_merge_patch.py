# SPDX-License-Identifier: Apache-2.0
"""JSON Merge Patch against RFC 7396, and against another way to say it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.patch.merge_patch import apply_merge_patch
from controlplane.patch.plain import clone

CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b", None]}, {"a": ["b", None]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [1, 2]}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ({}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ({"a": 1}, {}, {"a": 1}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
]


@pytest.mark.parametrize(("obj", "patch", "expected"), CASES)
def test_cases(obj: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = clone((obj, patch))
    assert apply_merge_patch(obj, patch) == expected
    assert (obj, patch) == before


@pytest.mark.parametrize("patch", [None, [], [{"a": 1}], "x", 1])
def test_a_patch_must_be_an_object(patch: object) -> None:
    with pytest.raises(ApiError) as refused:
        apply_merge_patch({}, patch)
    assert refused.value.code == 400


def test_a_patch_that_is_too_deep() -> None:
    patch: dict[str, Any] = {}
    for _ in range(5000):
        patch = {"a": patch}
    with pytest.raises(ApiError, match="nested deeper"):
        apply_merge_patch({}, patch)


VALUES = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=15,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)
Path = tuple[str, ...]


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Every path of an object with its value; objects stand for themselves as {}."""
    found: dict[Path, Any] = {}
    for key, item in value.items():
        found[(*path, key)] = {} if isinstance(item, dict) else item
        if isinstance(item, dict):
            found |= leaves(item, (*path, key))
    return found


def by_paths(obj: dict[str, Any], patch: dict[str, Any]) -> dict[Path, Any]:
    """The paths of the result: what the patch says of a path wins over what the object says."""
    result = leaves(obj)
    for path, value in sorted(leaves(patch).items(), key=lambda pair: len(pair[0])):
        keeps = isinstance(value, dict) and value == {} and result.get(path) == {}
        if not keeps:
            result = {at: found for at, found in result.items() if at[: len(path)] != path}
            if value is not None:
                result[path] = value
    return result


@given(OBJECTS, OBJECTS)
def test_against_a_model_of_paths(obj: dict[str, Any], patch: dict[str, Any]) -> None:
    assert leaves(apply_merge_patch(obj, patch)) == by_paths(obj, patch)


@given(OBJECTS, OBJECTS)
def test_a_second_time_changes_nothing(obj: dict[str, Any], patch: dict[str, Any]) -> None:
    once = apply_merge_patch(obj, patch)
    assert apply_merge_patch(once, patch) == once
