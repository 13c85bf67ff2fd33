# SPDX-License-Identifier: Apache-2.0
"""Sets of paths, in the shape in which managedFields hold them (FieldsV1), and their algebra.

A set is a tree of steps (path_element.py). An empty node is a path of the set; a node with children is one only when
it has the step "."; so {"f:a": {".": {}, "f:b": {}}} holds .a and .a.b. Nothing is Python's None, because an empty
node already means something. Sets are never changed: what operations give may share parts with what they got.
"""

from collections.abc import Iterator
from typing import Any

from controlplane.patch.path_element import SELF

FieldSet = dict[str, Any]


def has_self(node: FieldSet | None) -> bool:
    """Whether the path that leads to this node is in the set."""
    return node is not None and (not node or SELF in node)


def with_self(node: FieldSet | None) -> FieldSet:
    """The node with the path that leads to it."""
    return node if node is not None and has_self(node) else {SELF: {}, **node} if node else {}


def union(one: FieldSet | None, other: FieldSet | None) -> FieldSet | None:
    """Every path of the two."""
    if one is None or other is None:
        return one if other is None else other
    if not one or not other:
        return with_self(one or other)
    result = dict(one)
    for step, node in other.items():
        result[step] = union(result[step], node) if step in result else node
    return result


def difference(one: FieldSet | None, other: FieldSet | None) -> FieldSet | None:
    """The paths of one that are not in other; paths below one of other stay."""
    if one is None or other is None:
        return one
    if not one:
        return None if has_self(other) else one
    result: FieldSet = {}
    for step, node in one.items():
        left = difference(node, other.get(step)) if step != SELF else node
        if left is not None:
            result[step] = left
    if has_self(other):
        result.pop(SELF, None)
    return _settled(result)


def intersection(one: FieldSet | None, other: FieldSet | None) -> FieldSet | None:
    """The paths in both."""
    if one is None or other is None:
        return None
    result: FieldSet = {SELF: {}} if has_self(one) and has_self(other) else {}
    for step in one.keys() & other.keys() - {SELF}:
        both = intersection(one[step], other[step])
        if both is not None:
            result[step] = both
    return _settled(result)


def _settled(node: FieldSet) -> FieldSet | None:
    """The one way to write a node: nothing, a path alone ({}), or its steps."""
    if not node:
        return None
    return {} if len(node) == 1 and SELF in node else node


def paths(node: FieldSet | None, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All paths of the set, in the order of their steps."""
    if node is None:
        return
    if prefix and has_self(node):
        yield prefix
    for step in sorted(node.keys() - {SELF}):
        yield from paths(node[step], (*prefix, step))


def ordered(node: FieldSet) -> FieldSet:
    """The same set with its steps in order, as they are stored and shown."""
    return {step: ordered(node[step]) for step in sorted(node)}


def is_well_formed(node: object) -> bool:
    """Whether a value from a client can be taken for a set."""
    return isinstance(node, dict) and all(
        (step == SELF and below == {}) or (step[:2] in ("f:", "k:", "v:", "i:") and is_well_formed(below))
        for step, below in node.items()
    )
