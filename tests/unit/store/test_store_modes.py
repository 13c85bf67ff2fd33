# SPDX-License-Identifier: Apache-2.0
"""Secrets lie in the store: nobody but its owner may read the files."""

import asyncio
from pathlib import Path

from controlplane.store.sqlite.store import open_sqlite


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_only_the_owner_may_read_the_store_and_its_backup(tmp_path: Path) -> None:
    async def fill() -> dict[str, int]:
        store = await open_sqlite(tmp_path / "store.db")
        await store.create("/core/secrets/default/x", b"{}")
        await store.backup(tmp_path / "backup.db")
        modes = await asyncio.to_thread(modes_in, tmp_path)
        await store.close()
        return modes

    modes = asyncio.run(fill())
    assert {"store.db", "store.db-wal", "backup.db"} <= modes.keys()
    assert set(modes.values()) == {0o600}
