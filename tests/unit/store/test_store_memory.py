# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from controlplane.store.interface import Store
from controlplane.store.memory import MemoryStore
from tests.support.store_contract import Opener, StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def opener(self) -> Opener:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Store]:
            store = MemoryStore()
            yield store
            await store.close()

        return opened
