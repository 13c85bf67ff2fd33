# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controlplane.store.interface import Store
from controlplane.store.sqlite import open_sqlite
from tests.support.store_contract import Opener, StoreContract


class TestSqlite(StoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Store]:
            store = await open_sqlite(tmp_path / "store.db")
            yield store
            await store.close()

        return opened
