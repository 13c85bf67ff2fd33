# SPDX-License-Identifier: Apache-2.0
"""Plain JSON values: copies that share nothing, and equality as JSON has it."""

from typing import Any, Final

import msgspec

Json = dict[str, Any]

# Nesting that a patch may build; the deepest real types (JSON schemas in CRDs) stay far below.
MAX_DEPTH: Final = 256


def clone(value: Any) -> Any:
    """A deep copy; many times faster than copy.deepcopy, because JSON has no sharing and no other types."""
    kind = type(value)
    if kind is dict:
        return {key: clone(item) for key, item in value.items()}
    if kind is list:
        return [clone(item) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: numbers by value, and true is not 1 (RFC 6902, 4.6)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def size(value: Any) -> int:
    """Bytes as compact JSON."""
    return len(msgspec.json.encode(value))


def depth(value: Any) -> int:
    """How many objects and lists are inside each other; walks without recursion, so that any depth is measured."""
    deepest, level = 0, [value]
    while level:
        inner: list[Any] = []
        containers = 0
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
                containers = 1
            elif isinstance(item, list):
                inner.extend(item)
                containers = 1
        deepest += containers
        level = inner
    return deepest
