# SPDX-License-Identifier: Apache-2.0
import asyncio
import random
from typing import Any

import pytest

from kube.informer import Informer, Informers, key_of
from kube.kinds import NODES, PODS
from tests.support.eventually import eventually, in_background
from tests.support.fake_kube_api import FakeApi, serving

Json = dict[str, Any]


def pod(name: str, node: str = "n1", **more: Any) -> Json:
    return {"metadata": {"name": name, "namespace": "default", **more}, "spec": {"nodeName": node}}


def is_current(informer: Informer, api: FakeApi) -> bool:
    real = {key[1:]: obj["metadata"]["resourceVersion"] for key, obj in api.objects.items()}
    return {key_of(obj): obj["metadata"]["resourceVersion"] for obj in informer.all()} == real


class Mirror:
    """What a handler can know: its own copy, made of (old, new) alone."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.told: list[tuple[str | None, str | None]] = []

    def __call__(self, old: Json | None, new: Json | None) -> None:
        versions = [obj and obj["metadata"]["resourceVersion"] for obj in (old, new)]
        self.told.append((versions[0], versions[1]))
        known = old or new
        assert known is not None
        key = key_of(known)
        assert (key in self.objects) == (old is not None), "added twice, or changed before it was added"
        if new is None:
            del self.objects[key]
        else:
            self.objects[key] = new


def test_handlers_and_indexes_follow_what_happens() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("pods", pod("a"))
            informer, mirror = Informer(client, PODS), Mirror()
            informer.add_index("node", lambda obj: [obj["spec"]["nodeName"]])
            informer.add_handler(mirror)
            async with in_background(informer.run()):
                await informer.synced.wait()
                assert [obj["metadata"]["name"] for obj in informer.by_index("node", "n1")] == ["a"]
                await api.put("pods", pod("a", "n2"))
                await api.put("pods", pod("b", "n2"))
                await eventually(lambda: len(informer.by_index("node", "n2")) == 2)
                assert informer.by_index("node", "n1") == []
                await api.remove("pods", "default", "a")
                await eventually(lambda: informer.get("a", "default") is None)
                assert mirror.told == [(None, "2"), ("2", "3"), (None, "4"), ("5", None)]
                late = Mirror()
                informer.add_handler(late)
                assert late.told == [(None, "4")]

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_missed_or_doubled_through_cuts_and_compactions(seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        async with serving() as (api, client):
            informer, mirror = Informer(client, PODS), Mirror()
            informer.add_handler(mirror)
            async with in_background(informer.run()):
                await informer.synced.wait()
                for _ in range(60):
                    name = f"p{chance.randrange(6)}"
                    match chance.randrange(8):
                        case 0 | 1 | 2 | 3:
                            await api.put("pods", pod(name, f"n{chance.randrange(3)}"))
                        case 4 | 5 if ("pods", "default", name) in api.objects:
                            await api.remove("pods", "default", name)
                        case 6:
                            await api.cut()
                        case 7 if chance.random() < 0.3:
                            await api.compact()
                    if chance.random() < 0.3:
                        await asyncio.sleep(0.001)
                await eventually(lambda: is_current(informer, api))
            assert mirror.objects == {key_of(obj): obj for obj in informer.all()}

    asyncio.run(main())


def test_a_server_that_refuses_is_asked_again() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("pods", pod("a"))
            api.refuse = [500, 403]
            informer = Informer(client, PODS)
            async with in_background(informer.run()):
                await informer.synced.wait()
            assert len(informer) == 1

    asyncio.run(main())


def test_an_own_write_is_seen_at_once_and_old_news_do_not_undo_it() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            informer, mirror = Informer(client, PODS), Mirror()
            informer.add_handler(mirror)
            made = await client.create(PODS, pod("a"))
            informer.observe(made)
            assert informer.get("a", "default") == made
            await client.delete(PODS, "a", "default")
            informer.observe_removal(made)
            assert informer.get("a", "default") is None
            informer.observe(made)
            assert informer.get("a", "default") is None, "it is known to be gone"
            async with in_background(informer.run()):
                await informer.synced.wait()
                informer.observe(made)
                assert informer.get("a", "default") is None, "the list was newer"
                again = await client.create(PODS, pod("a"))
                informer.observe(again)
                await api.put("pods", pod("end"))
                await eventually(lambda: informer.get("end", "default"))
                assert informer.get("a", "default") == again
        assert [bool(new) for _, new in mirror.told] == [True, False, True, True]

    asyncio.run(main())


def test_a_namesake_is_another_object() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            first = await api.put("pods", pod("a", uid="one"))
            informer, mirror = Informer(client, PODS), Mirror()
            informer.add_handler(mirror)
            async with in_background(informer.run()):
                await informer.synced.wait()
            api.objects.clear()
            await api.put("pods", pod("a", uid="two"))
            again = Informer(client, PODS)
            again.add_handler(mirror_two := Mirror())
            again.observe(first)
            async with in_background(again.run()):
                await again.synced.wait()
            assert [bool(new) for _, new in mirror_two.told] == [True, False, True]

    asyncio.run(main())


def test_a_handlers_fault_does_not_stop_the_others() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("pods", pod("a"))
            informer, mirror = Informer(client, PODS), Mirror()

            def broken(_: Json | None, __: Json | None) -> None:
                raise RuntimeError("a bug")

            informer.add_handler(broken)
            informer.add_handler(mirror)
            async with in_background(informer.run()):
                await informer.synced.wait()
            assert len(mirror.told) == 1

    asyncio.run(main())


def test_one_informer_a_kind_also_for_who_comes_late() -> None:
    async def main() -> None:
        async with serving() as (_, client):
            informers = Informers(client)
            assert informers.of(PODS) is informers.of(PODS)
            async with in_background(informers.run()):
                await informers.synced()
                assert not informers.of(NODES).synced.is_set()
                await informers.synced()
                assert informers.of(NODES).synced.is_set()

    asyncio.run(main())


def test_managed_fields_are_not_kept() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("pods", pod("a", managedFields=[{"manager": "kubectl"}]))
            informer = Informer(client, PODS)
            async with in_background(informer.run()):
                await informer.synced.wait()
            found = informer.get("a", "default")
            assert found is not None
            assert "managedFields" not in found["metadata"]

    asyncio.run(main())
