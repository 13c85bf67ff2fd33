# SPDX-License-Identifier: Apache-2.0
"""Quotas under concurrency: several API servers over one store, in any interleaving, with writes that fail."""

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from controlplane.admission import chain
from controlplane.admission.quota.recount import recount
from controlplane.admission.resource_quota import ResourceQuota
from controlplane.errors import ApiError
from kube.quantity import parse
from tests.support.admission import FakeCluster, container, named, pod, request

LIMIT = 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Interleaved(FakeCluster):
    """Lets a given number of other steps happen before each call, and watches that no quota is ever overdrawn."""

    def __init__(self, pauses: list[int]) -> None:
        super().__init__()
        self._pauses = itertools.cycle(pauses or [0])
        self.overdrawn = False

    async def _others(self) -> None:
        for _ in range(next(self._pauses)):
            await asyncio.sleep(0)

    async def list(self, group, plural, namespace=""):
        await self._others()
        return await super().list(group, plural, namespace)

    async def get(self, group, plural, namespace, name):
        await self._others()
        return await super().get(group, plural, namespace, name)

    async def update_status(self, group, plural, obj):
        await self._others()
        written = await super().update_status(group, plural, obj)
        status = written["status"]
        self.overdrawn |= any(
            parse(status["used"][name]) > parse(status["hard"][name]) for name in status["hard"]
        )
        return written

    def used(self, name: str) -> dict[str, int]:
        status = self._objects["", "resourcequotas", "shop", name]["status"]
        return {key: parse(text).value() for key, text in status["used"].items()}


@dataclass(frozen=True)
class Attempt:
    """A create of a pod by one of the servers; its write may fail after admission."""

    server: int
    cpu: int
    fails: bool


ATTEMPTS = st.builds(Attempt, st.integers(0, 2), st.integers(1, 4), st.booleans())


def quota(name, **hard):
    texts = {key.replace("_", "."): str(value) for key, value in hard.items()}
    return named(
        name, "shop", spec={"hard": texts}, status={"hard": texts, "used": dict.fromkeys(texts, "0")}
    )


def needing(cpu):
    return container(resources={"requests": {"cpu": str(cpu)}})


async def create(plugin: ResourceQuota, attempt: Attempt, index: int) -> int:
    """The CPU that is used by a pod written, 0 when it was refused or its write failed."""
    admission = request(pod(f"p{index}", containers=[needing(attempt.cpu)]))
    try:
        async with chain.validated((plugin,), admission):
            await asyncio.sleep(0)
            if attempt.fails:
                raise OSError("disk full")
    except (ApiError, OSError):
        return 0
    return attempt.cpu


@given(
    attempts=st.lists(ATTEMPTS, min_size=1, max_size=12),
    pauses=st.lists(st.integers(0, 4), max_size=12),
    pods=st.integers(0, 8),
)
def test_never_overdrawn_and_never_leaking(attempts, pauses, pods) -> None:
    """used never passes hard at any time, and in the end it is exactly what was written."""
    store = Interleaved(pauses)
    store.put("", "resourcequotas", quota("compute", requests_cpu=LIMIT))
    store.put("", "resourcequotas", quota("objects", pods=pods))
    servers = [ResourceQuota(store, store, tries=200) for _ in range(3)]

    async def run() -> list[int]:
        return await asyncio.gather(
            *(create(servers[one.server], one, index) for index, one in enumerate(attempts))
        )

    written = [cpu for cpu in asyncio.run(run()) if cpu]
    assert not store.overdrawn
    assert store.used("compute") == {"requests.cpu": sum(written)}
    assert store.used("objects") == {"pods": len(written)}
    there = {("", "pods"): [pod(containers=[needing(cpu)]) for cpu in written]}
    for name in ("compute", "objects"):
        found = asyncio.run(store.get("", "resourcequotas", "shop", name))
        assert found is not None
        assert recount(found, there, NOW) == found["status"]


@given(pauses=st.lists(st.integers(0, 4), max_size=12), size=st.integers(1, 12))
def test_all_room_is_given_out(pauses, size) -> None:
    """Without failures exactly as many get in as there is room for, over however many servers."""
    store = Interleaved(pauses)
    store.put("", "resourcequotas", quota("objects", pods=5))
    servers = [ResourceQuota(store, store, tries=200) for _ in range(3)]

    async def run() -> list[int]:
        return await asyncio.gather(
            *(create(servers[index % 3], Attempt(0, 1, fails=False), index) for index in range(size))
        )

    assert sum(asyncio.run(run())) == min(size, 5)


def test_a_quota_that_goes_meanwhile_is_no_quota() -> None:
    class Vanishing(FakeCluster):
        async def update_status(self, group, plural, obj):
            self.remove(group, plural, "shop", "objects")
            return await super().update_status(group, plural, obj)

    store = Vanishing().put("", "resourcequotas", quota("objects", pods=1))
    assert asyncio.run(create(ResourceQuota(store, store), Attempt(0, 1, fails=False), 0)) == 1


def test_what_cannot_be_given_back_does_not_hide_why(caplog) -> None:
    class Stuck(FakeCluster):
        writes = 0

        async def update_status(self, group, plural, obj):
            self.writes += 1
            if self.writes > 1:
                raise ApiError(503, "ServiceUnavailable", "the store is read-only")
            return await super().update_status(group, plural, obj)

    store = Stuck().put("", "resourcequotas", quota("objects", pods=1))
    assert asyncio.run(create(ResourceQuota(store, store), Attempt(0, 1, fails=True), 0)) == 0
    assert "cannot give back to quota shop/objects: the store is read-only" in caplog.text
