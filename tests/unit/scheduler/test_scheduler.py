# SPDX-License-Identifier: Apache-2.0
import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

from controlplane.scheduler.scheduler import Scheduler
from kube.client import Client
from kube.informer import Informers
from tests.support.eventually import eventually, in_background
from tests.support.fake_kube_api import FakeApi, serving
from tests.unit.scheduler.test_schedule import node, pod

Json = dict[str, Any]


def started(client: Client) -> AbstractAsyncContextManager[None]:
    informers = Informers(client)
    return in_background(informers.run(), Scheduler(client, informers).run())


def waiting(name: str, **more: Any) -> Json:
    made = pod(name, **more)
    return {**made, "status": {"phase": "Pending"}}


def node_of(api: FakeApi, name: str) -> str:
    found: str = api.objects["pods", "default", name]["spec"].get("nodeName", "")
    return found


def events(api: FakeApi) -> dict[tuple[str, str], str]:
    return {
        (obj["involvedObject"]["name"], obj["reason"]): obj["message"]
        for key, obj in api.objects.items()
        if key[0] == "events"
    }


def test_pods_are_bound_and_told() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("nodes", node("n1", pods="3"))
            await api.put("nodes", node("n2", pods="3"))
            async with started(client):
                for number in range(6):
                    await api.put("pods", waiting(f"p{number}"))
                await eventually(lambda: all(node_of(api, f"p{number}") for number in range(6)))
                await eventually(lambda: ("p5", "Scheduled") in events(api))
            placed = [node_of(api, f"p{number}") for number in range(6)]
            assert sorted(placed) == ["n1"] * 3 + ["n2"] * 3
            assert events(api)["p5", "Scheduled"] == f"Successfully assigned default/p5 to {placed[5]}"

    asyncio.run(main())


def test_what_does_not_fit_says_why_and_goes_when_there_is_room() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("nodes", node("n1", pods="1"))
            await api.put("pods", waiting("first"))
            async with started(client):
                await eventually(lambda: node_of(api, "first"))
                await api.put("pods", waiting("second"))
                await eventually(lambda: ("second", "FailedScheduling") in events(api))
                text = "0/1 nodes are available: 1 Too many pods."
                assert events(api)["second", "FailedScheduling"] == text
                stored = lambda: api.objects["pods", "default", "second"]["status"].get("conditions")  # noqa: E731
                await eventually(stored)
                (condition,) = stored()
                assert (condition["status"], condition["reason"], condition["message"]) == (
                    "False",
                    "Unschedulable",
                    text,
                )
                await api.remove("pods", "default", "first")
                await eventually(lambda: node_of(api, "second"))

    asyncio.run(main())


def test_only_what_is_ours_is_scheduled() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("nodes", node("n1"))
            await api.put("pods", waiting("other", schedulerName="mine"))
            await api.put("pods", waiting("gated", schedulingGates=[{"name": "wait"}]))
            async with started(client):
                await api.put("pods", waiting("ours"))
                await eventually(lambda: node_of(api, "ours"))
                assert node_of(api, "other") == node_of(api, "gated") == ""
                opened = waiting("gated")
                opened["metadata"]["uid"] = api.objects["pods", "default", "gated"]["metadata"]["uid"]
                await api.put("pods", opened)
                await eventually(lambda: node_of(api, "gated"))

    asyncio.run(main())


def test_a_binding_that_fails_gives_the_place_back() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            await api.put("nodes", node("n1", pods="1"))
            await api.put("pods", waiting("a"))
            api.forbidden = "POST /api/v1/namespaces/default/pods/a/binding"
            async with started(client):
                await eventually(lambda: ("a", "FailedScheduling") in events(api))
                assert events(api)["a", "FailedScheduling"] == "binding failed: forbidden by the test"
                api.forbidden = ""
                await eventually(lambda: node_of(api, "a"))

    asyncio.run(main())
