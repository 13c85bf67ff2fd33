# SPDX-License-Identifier: Apache-2.0
"""JSON Patch against RFC 6902, its errors and its bounds."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.patch.json_patch import MAX_OPERATIONS, apply_json_patch
from controlplane.patch.plain import MAX_DEPTH, clone, same

APPLIED: list[tuple[str, dict[str, Any], list[dict[str, Any]], dict[str, Any]]] = [
    ("nothing to do", {"a": 1}, [], {"a": 1}),
    ("add a member", {"a": 1}, [{"op": "add", "path": "/b", "value": [2]}], {"a": 1, "b": [2]}),
    ("add replaces a member", {"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
    ("add inserts an item", {"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
    ("add at the length", {"a": [1]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2]}),
    ("add at the end", {"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
    ("add the whole", {"a": 1}, [{"op": "add", "path": "", "value": {"b": 2}}], {"b": 2}),
    ("the empty name is a name", {"": {"": 1}}, [{"op": "add", "path": "//", "value": 2}], {"": {"": 2}}),
    ("escapes", {}, [{"op": "add", "path": "/a~1b~0c~01", "value": 1}], {"a/b~c~1": 1}),
    ("remove a member", {"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
    ("remove an item", {"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
    (
        "replace",
        {"a": [1, {"b": 2}]},
        [{"op": "replace", "path": "/a/1/b", "value": 3}],
        {"a": [1, {"b": 3}]},
    ),
    ("replace the whole", {"a": 1}, [{"op": "replace", "path": "", "value": {}}], {}),
    ("move a member", {"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
    ("move an item", {"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
    ("move over its parent", {"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1}),
    ("move to where it is", {"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
    ("copy", {"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
    (
        "copy into itself",
        {"a": {"b": 1}},
        [{"op": "copy", "from": "/a", "path": "/a/c"}],
        {"a": {"b": 1, "c": {"b": 1}}},
    ),
    (
        "test",
        {"a": {"x": [1, 2.0]}},
        [{"op": "test", "path": "/a", "value": {"x": [1.0, 2]}}],
        {"a": {"x": [1, 2.0]}},
    ),
    ("test that a member is absent", {"a": {}}, [{"op": "test", "path": "/a/b", "value": None}], {"a": {}}),
    ("unknown members are ignored", {}, [{"op": "add", "path": "/a", "value": 1, "why": "x"}], {"a": 1}),
    (
        "a copy and its source live apart",
        {"a": {"b": 1}},
        [{"op": "copy", "from": "/a", "path": "/c"}, {"op": "replace", "path": "/c/b", "value": 2}],
        {"a": {"b": 1}, "c": {"b": 2}},
    ),
]

REFUSED: list[tuple[dict[str, Any], Any, int, str]] = [
    ({}, {"op": "add"}, 400, "a JSON patch is a list of operations"),
    ({}, ["x"], 400, "operation 0 is not an object"),
    (
        {},
        [{"op": "merge", "path": "/a"}],
        400,
        'operation 0: "op" must be one of add, remove, replace, move, copy, test',
    ),
    ({}, [{"op": "add", "path": "/a"}], 400, 'operation 0 (add /a): "value" is missing'),
    ({}, [{"op": "move", "path": "/a"}], 400, 'operation 0 (move /a): "from" must be a JSON pointer'),
    (
        {},
        [{"op": "add", "path": "a", "value": 1}],
        400,
        'operation 0 (add a): "path": it must be empty or begin with "/"',
    ),
    ({}, [{"op": "add", "path": "/~2", "value": 1}], 400, '"~" must be followed by 0 or 1'),
    ({}, [{"op": "add", "path": "/a" * 300, "value": 1}], 400, f"deeper than {MAX_DEPTH} levels"),
    (
        {"a": 1},
        [{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}],
        422,
        'operation 1 (remove /b): there is no member "b"',
    ),
    ({"a": [1]}, [{"op": "add", "path": "/a/2", "value": 1}], 422, "index 2 is past the end of a list of 2"),
    ({"a": [1]}, [{"op": "remove", "path": "/a/01"}], 422, '"01" is no index of a list'),
    ({"a": [1]}, [{"op": "remove", "path": "/a/-1"}], 422, '"-1" is no index of a list'),
    ({"a": [1]}, [{"op": "replace", "path": "/a/-", "value": 1}], 422, '"-" is no index of a list'),
    ({"a": 1}, [{"op": "add", "path": "/a/b", "value": 1}], 422, "neither an object nor a list"),
    ({"a": 1}, [{"op": "add", "path": "/b/c", "value": 1}], 422, 'there is no member "b"'),
    ({"a": 1}, [{"op": "replace", "path": "/b", "value": 1}], 422, 'there is no member "b"'),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": True}], 422, "the value there is another one"),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": "1"}], 422, "the value there is another one"),
    ({"a": {}}, [{"op": "test", "path": "/b/c", "value": None}], 422, 'there is no member "b"'),
    (
        {"a": {"b": 1}},
        [{"op": "move", "from": "/a", "path": "/a/b"}],
        422,
        "a value cannot be moved into itself",
    ),
    ({"a": 1}, [{"op": "remove", "path": ""}], 422, "the whole object cannot be removed"),
    ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], 422, "the result is not an object"),
]


@pytest.mark.parametrize(
    ("obj", "operations", "expected"), [case[1:] for case in APPLIED], ids=[c[0] for c in APPLIED]
)
def test_operations(obj: dict[str, Any], operations: list[Any], expected: dict[str, Any]) -> None:
    before, patch = clone(obj), clone(operations)
    assert same(apply_json_patch(obj, operations), expected)
    assert (obj, operations) == (before, patch), "the arguments are left alone"


@pytest.mark.parametrize(("obj", "operations", "code", "told"), REFUSED)
def test_refusals(obj: dict[str, Any], operations: Any, code: int, told: str) -> None:
    with pytest.raises(ApiError) as refused:
        apply_json_patch(obj, operations)
    assert refused.value.code == code
    assert told in refused.value.message


def test_too_many_operations() -> None:
    with pytest.raises(ApiError) as refused:
        apply_json_patch({}, [{"op": "add", "path": "/a", "value": 1}] * (MAX_OPERATIONS + 1))
    assert refused.value.code == 413


def test_a_copy_bomb_is_refused_before_it_grows() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60
    with pytest.raises(ApiError, match="its copies make more than") as refused:
        apply_json_patch({"a": ["x" * 1000]}, doubling)
    assert refused.value.code == 413


@pytest.mark.parametrize(
    "operations",
    [
        [
            {"op": "copy", "from": "/a", "path": "/a/" + "a/" * step + "b"}
            for step in (0, 1, 3, 7, 15, 31, 63, 127)
        ]
        * 3,
        [{"op": "add", "path": "/b", "value": {}}, {"op": "move", "from": "/a", "path": "/b/a"}]
        + [
            operation
            for _ in range(MAX_DEPTH)
            for operation in (
                {"op": "add", "path": "/c", "value": {}},
                {"op": "move", "from": "/b", "path": "/c/b"},
                {"op": "move", "from": "/c", "path": "/b"},
            )
        ],
    ],
    ids=["copies", "moves"],
)
def test_depth_is_bounded(operations: list[Any]) -> None:
    with pytest.raises(ApiError):
        apply_json_patch({"a": {"a": {}}}, operations)


def test_a_value_that_is_too_deep() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(ApiError, match="nested deeper"):
        apply_json_patch({}, [{"op": "add", "path": "/a", "value": value}])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), VALUES, max_size=4)


def escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def difference(old: Any, new: Any, path: str) -> list[dict[str, Any]]:
    """A JSON patch that makes new of old; every kind of operation but move and copy."""
    if same(old, new):
        return [{"op": "test", "path": path, "value": new}]
    if isinstance(old, dict) and isinstance(new, dict):
        removed = [{"op": "remove", "path": f"{path}/{escaped(key)}"} for key in old.keys() - new.keys()]
        added = [
            {"op": "add", "path": f"{path}/{escaped(key)}", "value": new[key]}
            for key in new.keys() - old.keys()
        ]
        kept = [
            step
            for key in old.keys() & new.keys()
            for step in difference(old[key], new[key], f"{path}/{escaped(key)}")
        ]
        return [*removed, *added, *kept]
    if isinstance(old, list) and isinstance(new, list):
        shared = min(len(old), len(new))
        cut = [{"op": "remove", "path": f"{path}/{place}"} for place in range(len(old) - 1, shared - 1, -1)]
        grown = [{"op": "add", "path": f"{path}/-", "value": item} for item in new[shared:]]
        kept = [
            step for place in range(shared) for step in difference(old[place], new[place], f"{path}/{place}")
        ]
        return [*cut, *grown, *kept]
    return [{"op": "replace", "path": path, "value": new}]


@given(OBJECTS, OBJECTS)
def test_a_difference_applied_gives_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert same(apply_json_patch(old, difference(old, new, "")), new)


@given(
    OBJECTS,
    st.lists(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
                "path": st.text("ab/~01-", max_size=6),
            },
            optional={"value": VALUES, "from": st.text("ab/~01-", max_size=6)},
        ),
        max_size=6,
    ),
)
def test_any_patch_gives_an_object_or_an_api_error(obj: dict[str, Any], operations: list[Any]) -> None:
    with contextlib.suppress(ApiError):
        assert isinstance(apply_json_patch(obj, operations), dict)
