# SPDX-License-Identifier: Apache-2.0
"""When the server gives memory back to the system."""

import asyncio
from collections.abc import Iterator

import pytest

from controlplane.memory import GROWTH_BYTES, give_back
from tests.support.eventually import eventually, in_background

STEP = GROWTH_BYTES // 2


@pytest.mark.parametrize(
    ("case", "sizes", "trims"),
    [
        ("growth", [0, 1, 2, 3], 1),
        ("after a trim it has to grow again", [0, 2, 0, 1, 1, 2, 0], 2),
        ("what is trimmed in vain is not tried again at once", [0, 2, 2, 2, 3, 4, 4], 2),
        ("less is the new beginning", [6, 1, 3, 3], 1),
        ("nothing happens", [5, 5, 5, 6, 5], 0),
    ],
)
def test_memory_is_given_back_when_the_process_has_grown(case: str, sizes: list[int], trims: int) -> None:
    left: Iterator[int] = iter(sizes)
    trimmed: list[str] = []
    over = asyncio.Event()

    def resident() -> int:
        size = next(left, None)
        if size is None:
            over.set()
            return 0
        return size * STEP

    async def body() -> None:
        async with in_background(give_back(resident, lambda: trimmed.append(case), every=0)):
            await eventually(over.is_set)

    asyncio.run(body())
    assert len(trimmed) == trims
