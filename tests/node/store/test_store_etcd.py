# SPDX-License-Identifier: Apache-2.0
"""The contract on a real etcd, and what only a server can do: go away, come back, be shared."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings

from controlplane.store.errors import CompactedError, ConflictError, StoreError, UnavailableError
from controlplane.store.etcd import EtcdOptions, EtcdStore, Tls, open_etcd
from controlplane.store.interface import Change, Record, Store
from controlplane.store.memory import MemoryStore
from controlplane.store.recent import Bounds
from controlplane.store.retention import Retention
from tests.support.certificates import Authority
from tests.support.etcd import Etcd, running_etcd
from tests.support.store_contract import Opener, StoreContract, changes, fill
from tests.support.store_histories import STEPS, History, Step

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    with running_etcd() as etcd:
        yield etcd


@pytest.fixture
def own_etcd() -> Iterator[Etcd]:
    """One that the test may kill."""
    with running_etcd() as etcd:
        yield etcd


def options(etcd: Etcd) -> EtcdOptions:
    return EtcdOptions((etcd.endpoint,), root=f"/{uuid.uuid4().hex}")


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 90))


class TestEtcd(StoreContract):
    @pytest.fixture
    def opener(self, etcd: Etcd) -> Opener:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Store]:
            store = await open_etcd(options(etcd))
            yield store
            await store.close()

        return opened


@settings(max_examples=25)
@given(STEPS)
def test_etcd_does_what_memory_does(etcd: Etcd, steps: list[Step]) -> None:
    async def body() -> None:
        store = await open_etcd(options(etcd))
        ours = History(store, await store.current_revision())
        reference = History(MemoryStore(), 1)
        for number, step in enumerate(steps):
            if step.verb != "reopen":
                assert await ours.play(step) == await reference.play(step), f"step {number} of {steps}"
        await store.close()

    run(body())


def test_two_servers_agree(etcd: Etcd) -> None:
    async def body() -> None:
        shared = options(etcd)
        one, two = await open_etcd(shared), await open_etcd(shared)
        before = await one.current_revision()
        watches = [asyncio.ensure_future(changes(s.watch("/w/", after=before), 200)) for s in (one, two) * 5]

        async def write(store: Store, writer: int) -> None:
            for number in range(50):
                await store.create(f"/w/{writer}/{number}", b"")

        await asyncio.gather(*(write(store, number) for number, store in enumerate((one, two, one, two))))
        orders = await asyncio.gather(*watches)
        assert all(order == orders[0] for order in orders)
        assert (await one.list("/w/")).records == (await two.list("/w/")).records
        made = await one.create("/a/b//c", b"")
        tries = [s.update("/a/b//c", b"x", expected=made.mod_revision) for s in (one, two, one, two)]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["ConflictError"] * 3 + ["Record"]
        await one.close()
        await two.close()

    run(body())


def test_two_roots_do_not_see_each_other(etcd: Etcd) -> None:
    async def body() -> None:
        one, two = await open_etcd(options(etcd)), await open_etcd(options(etcd))
        before = await one.current_revision()
        await two.create("/a/b//c", b"two")
        made = await one.create("/a/b//c", b"one")
        assert (await one.list("")).records == (made,)
        assert [change.record for change in await changes(one.watch("", after=before), 1)] == [made]
        await one.close()
        await two.close()

    run(body())


def test_a_store_that_is_opened_again_has_its_history(etcd: Etcd) -> None:
    async def body() -> None:
        shared = options(etcd)
        store = await open_etcd(shared)
        made = await fill(store, 50)
        await store.close()
        for bounds in (Bounds(), Bounds(count=5)):
            again = await open_etcd(shared, bounds=bounds)
            found = await changes(again.watch("/", after=made[9].mod_revision), 40)
            assert [change.record for change in found] == made[10:]
            await again.close()

    run(body())


async def written(store: Store, key: str) -> Record:
    """Written, however long the server is away. A write that failed may have been done."""
    while True:
        try:
            return await store.create(key, b"")
        except UnavailableError:
            continue
        except StoreError:
            found = await store.get(key)
            assert found is not None
            return found


def test_watches_and_writes_go_on_after_a_power_cut(own_etcd: Etcd) -> None:
    async def body() -> None:
        store = await open_etcd(options(own_etcd))
        before = await store.current_revision()
        watch = asyncio.ensure_future(changes(store.watch("/w/", after=before), 120))
        acknowledged: list[Record] = []
        for cut in range(3):
            acknowledged += [await written(store, f"/w/{cut}/{number:02}") for number in range(20)]
            writing = asyncio.gather(*(written(store, f"/w/{cut}/during-{number}") for number in range(20)))
            await asyncio.to_thread(own_etcd.kill)
            await asyncio.to_thread(own_etcd.start)
            acknowledged += await writing
        assert [change.record for change in await watch] == sorted(
            acknowledged, key=lambda record: record.mod_revision
        )
        assert len((await store.list("/w/")).records) == 120
        await store.close()

    run(body())


def test_history_that_went_while_we_were_away_is_told(own_etcd: Etcd) -> None:
    async def body() -> None:
        shared = options(own_etcd)
        store = await open_etcd(shared)
        made = await store.create("/a/b//c", b"")
        await own_feed_stopped(store)
        async with aclosing(store.watch("/a/", after=made.mod_revision)) as watch:
            waiting = asyncio.ensure_future(anext(watch))
            other = await open_etcd(shared)
            for _ in range(5):
                made = await other.update("/a/b//c", b"", expected=made.mod_revision)
            await other.compact(made.mod_revision)
            store._start(store._feed.follow(store._publish, store._gap))
            with pytest.raises(CompactedError):
                await waiting
        # From what a list says it goes on.
        page = await store.list("/a/")
        last = await other.update("/a/b//c", b"last", expected=made.mod_revision)
        assert [c.record for c in await changes(store.watch("/a/", after=page.revision), 1)] == [last]
        await other.close()
        await store.close()

    run(body())


async def own_feed_stopped(store: EtcdStore) -> None:
    """As if the network to etcd was gone for this watch."""
    (feed,) = store._chores
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)


def test_nobody_answers(tmp_path: Path) -> None:
    async def body() -> None:
        nowhere = EtcdOptions((f"unix:{tmp_path}/none",), timeout=0.5)
        with pytest.raises(UnavailableError, match=r"cannot reach etcd at unix:.*: see that it runs"):
            await open_etcd(nowhere)

    run(body())


def test_a_server_that_goes_away_is_told_and_found_again(own_etcd: Etcd) -> None:
    async def body() -> None:
        shared = EtcdOptions((own_etcd.endpoint,), timeout=2.0)
        store = await open_etcd(shared)
        made = await store.create("/a/b//c", b"")
        await asyncio.to_thread(own_etcd.kill)
        calls = (store.get("/a"), store.list("/a"), store.create("/a", b""), store.current_revision())
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in done] == [UnavailableError] * 4
        await asyncio.to_thread(own_etcd.start)
        while True:
            try:
                assert await store.get("/a/b//c") == made
                break
            except UnavailableError:
                continue
        await store.close()

    run(body())


def test_a_dead_member_among_the_endpoints_is_passed_over(etcd: Etcd, tmp_path: Path) -> None:
    async def body() -> None:
        some = EtcdOptions((f"unix:{tmp_path}/none", etcd.endpoint), root=f"/{uuid.uuid4().hex}")
        store = await open_etcd(some)
        await fill(store, 20)
        assert len((await store.list("/")).records) == 20
        await store.close()

    run(body())


def test_a_request_that_is_too_large_is_refused_by_name(etcd: Etcd) -> None:
    async def body() -> None:
        store = await open_etcd(options(etcd))
        for size in (1_700_000, 3_000_000):
            with pytest.raises(StoreError, match="large") as refused:
                await store.create("/a/b//c", b"x" * size)
            assert not isinstance(refused.value, UnavailableError)
        with pytest.raises(ConflictError):
            await store.update("/a/b//c", b"", expected=0)
        await store.close()

    run(body())


async def list_for_ever(store: Store, revision: int) -> None:
    while True:
        await store.list("/", revision=revision)


def test_history_is_compacted_by_itself(etcd: Etcd) -> None:
    async def body() -> None:
        now = [1000.0]
        store = await open_etcd(options(etcd), retention=Retention(seconds=300), clock=lambda: now[0])
        first = record = await store.create("/a/b//c", b"")
        async with aclosing(store.watch("/a/", after=first.mod_revision)) as watch:
            for _ in range(60):
                now[0] += 10
                record = await store.update("/a/b//c", b"", expected=record.mod_revision)
                await anext(watch)
        with pytest.raises(CompactedError) as refused:
            await list_for_ever(store, first.mod_revision)
        assert record.mod_revision - refused.value.oldest in range(30, 45)
        await store.close()

    run(body())


def test_tls_with_client_certificates(tmp_path: Path) -> None:
    authority = Authority("etcd-ca")
    server, client = authority.issue("localhost"), authority.issue("orlop")
    files = tuple(tmp_path / name for name in ("ca.pem", "server.pem", "server.key"))
    for file, text in zip(files, (authority.pem, *server), strict=True):
        file.write_bytes(text)

    async def body(etcd: Etcd) -> None:
        def with_tls(tls: Tls | None) -> EtcdOptions:
            return EtcdOptions((etcd.endpoint,), tls=tls, timeout=5.0 if tls else 0.5)

        store = await open_etcd(with_tls(Tls(authority.pem, *client, server_name="localhost")))
        made = await store.create("/a/b//c", b"")
        assert await store.get("/a/b//c") == made
        await store.close()
        stranger = Authority("another-ca")
        for refused in (
            Tls(authority.pem, server_name="localhost"),
            Tls(stranger.pem, *client, server_name="localhost"),
            Tls(authority.pem, *stranger.issue("orlop"), server_name="localhost"),
            Tls(authority.pem, *client, server_name="example.org"),
        ):
            with pytest.raises(UnavailableError):
                await open_etcd(EtcdOptions((etcd.endpoint,), tls=refused, timeout=1.0))
        with pytest.raises(UnavailableError):
            await open_etcd(with_tls(None))

    with running_etcd(tls=(files[0], files[1], files[2])) as etcd:
        run(body(etcd))


@pytest.mark.parametrize(
    ("endpoints", "root", "why"),
    [
        ((), "/orlop", "no endpoint"),
        (("https://127.0.0.1:2379",), "/orlop", "without a scheme"),
        (("127.0.0.1",), "/orlop", "host:port"),
        (("127.0.0.1:2379",), "orlop", 'begins with "/"'),
        (("127.0.0.1:2379",), "/orlop/", "does not end"),
    ],
)
def test_options_that_make_no_sense(endpoints: tuple[str, ...], root: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        EtcdOptions(endpoints, root=root)


def test_half_a_client_certificate() -> None:
    with pytest.raises(ValueError, match="both"):
        Tls(b"", certificate=b"")


def test_changes_are_values(etcd: Etcd) -> None:
    """No message of gRPC's leaves the driver."""

    async def body() -> None:
        store = await open_etcd(options(etcd))
        before = await store.current_revision()
        await store.create("/a/b//c", b"x")
        (change,) = await changes(store.watch("", after=before), 1)
        assert type(change) is Change
        assert type(change.record.value) is bytes
        await store.close()

    run(body())
