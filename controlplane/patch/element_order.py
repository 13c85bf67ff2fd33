# SPDX-License-Identifier: Apache-2.0
"""In which order the items of a merged list stand.

Strategic merge patch keeps the order of the patch for the items that it names, and the order of the live list for
the others. Where the two orders interleave, an item of the live list stands before the first named item that came
after it there. (The design: "Strategic Merge Patch" of the Kubernetes API conventions, setElementOrder.)
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

Key = Callable[[Any], Hashable]


def in_order(
    merged: Sequence[Any], wanted: Sequence[Hashable], live: Sequence[Hashable], key: Key
) -> list[Any]:
    """Order merged items: those whose key is in wanted as there, the others as in live, put together."""
    wanted_at, live_at = _positions(wanted), _positions(live)
    last = len(live)
    named = sorted((item for item in merged if key(item) in wanted_at), key=lambda item: wanted_at[key(item)])
    others = sorted(
        (item for item in merged if key(item) not in wanted_at), key=lambda item: live_at.get(key(item), last)
    )
    return _interleaved(named, others, live_at, key)


def _interleaved(named: list[Any], others: list[Any], live_at: dict[Hashable, int], key: Key) -> list[Any]:
    result: list[Any] = []
    waiting = iter(others)
    other = next(waiting, None)
    for item in named:
        place = live_at.get(key(item))
        while other is not None and place is not None and live_at.get(key(other), place) < place:
            result.append(other)
            other = next(waiting, None)
        result.append(item)
    if other is not None:
        result.append(other)
    return [*result, *waiting]


def _positions(keys: Sequence[Hashable]) -> dict[Hashable, int]:
    """The first position of each key."""
    found: dict[Hashable, int] = {}
    for position, item in enumerate(keys):
        found.setdefault(item, position)
    return found
