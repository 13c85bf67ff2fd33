# SPDX-License-Identifier: Apache-2.0
"""SQLite and memory are alike, whatever is asked of them in whatever order."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings

from controlplane.store.memory import MemoryStore
from controlplane.store.sqlite import open_sqlite
from tests.support.store_histories import STEPS, History, Step


async def compare(steps: list[Step], path: Path) -> None:
    store = await open_sqlite(path)
    ours, reference = History(store, 1), History(MemoryStore(), 1)
    for number, step in enumerate(steps):
        if step.verb == "reopen":
            await store.close()
            store = await open_sqlite(path)
            ours.store = store
        else:
            assert await ours.play(step) == await reference.play(step), f"step {number} of {steps}"
    await store.close()


@settings(max_examples=150)
@given(STEPS)
def test_sqlite_does_what_memory_does(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(compare(steps, Path(folder) / "store.db"), 60))
