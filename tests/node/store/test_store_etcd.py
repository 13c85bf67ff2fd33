# SPDX-License-Identifier: Apache-2.0
"""The contract on a real etcd."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from controlplane.store.etcd import EtcdOptions, open_etcd
from controlplane.store.interface import Store
from tests.support.etcd import Etcd, running_etcd
from tests.support.store_contract import Opener, StoreContract

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    with running_etcd() as etcd:
        yield etcd


def options(etcd: Etcd) -> EtcdOptions:
    return EtcdOptions((etcd.endpoint,), root=f"/{uuid.uuid4().hex}")


class TestEtcd(StoreContract):
    @pytest.fixture
    def opener(self, etcd: Etcd) -> Opener:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Store]:
            store = await open_etcd(options(etcd))
            yield store
            await store.close()

        return opened
